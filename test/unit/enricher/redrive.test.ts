import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WeirError } from '../../../contract/errors.ts';
import { deadLetter, type Letter, parseLetter } from '../../../enricher/dead-letter.ts';
import { Redriver } from '../../../enricher/redrive.ts';
import { decodeEnrichedBatch } from '../../../schemas/generated/flows-enriched-v1.ts';
import { HEADER, type Offset, type OutgoingMessage } from '../../../transport/log.ts';
import { ownershipOut, rawOut, workload } from '../../fixtures/enricher-messages.ts';
import { MemoryBroker } from '../../fixtures/memory-log.ts';

const S = 1_000_000;
const HOUR = 3600 * S;
const client = [workload('client')];
const flow = { local: '10.0.0.1', remote: '10.0.0.9', start: 6 * S, end: 7 * S, localWorkload: 0 };
const loss = {
  stage: 'kernel',
  reason: 'ring_full',
  flows: 3,
  intervalStartUs: 1,
  intervalEndUs: 2,
  intentional: false,
};

async function redriver(): Promise<Redriver> {
  const broker = new MemoryBroker();
  const spec = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 4_000_000 };
  broker.ensure(['own', 'raw'].map((name) => ({ ...spec, name })));
  const log = broker.client();
  await log.produce('own', 0, [
    ownershipOut({
      seq: 0,
      kind: 'full',
      asOf: 10 * S,
      claims: [{ addr: '10.0.0.9', who: workload('server'), from: 5 * S }],
    }),
    ownershipOut({
      seq: 1,
      kind: 'delta',
      asOf: 20 * S,
      claims: [{ addr: '10.0.0.9', who: workload('server'), from: 5 * S, to: 15 * S, latest: 15 * S }],
    }),
    // Long after: an enricher has forgotten who held the address then.
    ownershipOut({
      seq: 2,
      kind: 'full',
      asOf: 100 * HOUR,
      claims: [{ addr: '10.0.0.9', who: workload('other'), from: 50 * HOUR }],
    }),
  ]);
  const { signal } = new AbortController();
  return Redriver.open({
    log,
    rawTopic: 'raw',
    ownershipTopic: 'own',
    geo: null,
    externalAddresses: 'keep',
    clockSkewMs: 0,
    signal,
  });
}

function letterOf({ key, value, headers }: OutgoingMessage): Letter {
  const message = { offset: 7 as Offset, appendMs: 30_000, key, value, headers };
  const written = deadLetter(message, 'raw', 0, { offset: 7, code: 'WEIR_SCHEMA_UNKNOWN', message: 'unknown' });
  return parseLetter({ offset: 0 as Offset, appendMs: 30_001, ...written })!;
}

test('a letter that can be read now has its rows and its range, and takes its loss back', async () => {
  const joined = (await redriver()).join(
    letterOf(rawOut({ flows: [flow, flow], first: 10, losses: [loss], workloads: client })),
  );
  assert.ok(!(joined instanceof WeirError));
  assert.deepEqual([joined.rows, joined.flows], [2, 5]);
  const batch = decodeEnrichedBatch(joined.out.value);
  const [source] = batch.sources;
  assert.deepEqual([source?.ring, source?.first, source?.next, source?.offset, source?.rows], ['ring-1', 10, 15, 7, 2]);
  assert.deepEqual(
    source?.losses.map(({ stage, reason, flows }) => [stage, reason, flows]),
    [
      ['kernel', 'ring_full', 3],
      ['enricher', 'recovered', 5],
    ],
  );
  assert.deepEqual([...batch.flows.flowNumber.subarray(0, 2)], [10, 11]);
  assert.equal(batch.workloads[batch.flows.dstWorkload[0]!]?.name, 'server', 'the owner of then, not of now');
  // Whoever drops by the range in the headers would drop the rows.
  assert.equal(joined.out.headers[HEADER.ring], undefined);
});

test('a letter that cannot be read, or whose headers name another range, is refused again', async () => {
  const again = await redriver();
  const good = rawOut({ flows: [flow], workloads: client });
  const cut = again.join(letterOf({ ...good, value: good.value.subarray(0, 30) }));
  assert.ok(cut instanceof WeirError && cut.code === 'WEIR_SCHEMA_TRUNCATED');
  const forged = again.join(letterOf({ ...good, headers: { ...good.headers, [HEADER.next]: '9' } }));
  assert.ok(forged instanceof WeirError && forged.code === 'WEIR_ENRICHER_RANGE_INVALID');
  const nameless = again.join(letterOf({ ...good, headers: {} }));
  assert.ok(nameless instanceof WeirError && nameless.code === 'WEIR_ENRICHER_RANGE_INVALID');
});
