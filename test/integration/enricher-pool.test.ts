import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EnricherPool } from '../../enricher/pool.ts';
import { decodeEnrichedBatch } from '../../schemas/generated/flows-enriched-v1.ts';
import type { Message, Offset, OutgoingMessage } from '../../transport/log.ts';
import { ownershipOut, rawOut, workload } from '../fixtures/enricher-messages.ts';

const S = 1_000_000;
const origin = { rawTopicId: 'raw', rawPartition: 0, ownershipTopicId: 'own' };
const message = (offset: number, { key, value, headers }: OutgoingMessage): Message => {
  return { offset: offset as Offset, appendMs: 1e9, key, value, headers };
};
/** At each second the address belongs to another. */
const handOver = (i: number): OutgoingMessage => {
  const addr = '10.0.0.2';
  const before = { addr, who: workload(`w${i - 1}`), from: (i - 1) * S, to: i * S - 1 };
  return ownershipOut({
    seq: i,
    kind: i === 0 ? 'full' : 'delta',
    asOf: (i + 1) * S,
    claims: [...(i === 0 ? [] : [before]), { addr, who: workload(`w${i}`), from: i * S }],
  });
};

test('a task sees the claims below its position and none beyond, while more keep coming', async (t) => {
  const pool = new EnricherPool({ workers: 2 });
  t.after(() => pool.close());
  const tasks: Promise<void>[] = [];
  for (let i = 0; i < 400; i += 1) {
    await pool.update(message(i, handOver(i)));
    // Just told: named. A moment later: nobody has said yet, though the next message is on its way.
    const [now, later] = [i * S + 10, (i + 1) * S + 10];
    const flows = [now, later].map((time) => ({
      local: '10.0.0.1',
      remote: '10.0.0.2',
      start: time,
      end: time,
      localWorkload: 0,
    }));
    const raw = message(i, rawOut({ workloads: [workload('me')], flows, first: 2 * i, seq: i }));
    tasks.push(
      pool.enrich([{ message: raw, force: true }], origin).then(({ enriched, ownershipNext }) => {
        const batch = decodeEnrichedBatch(enriched[0]!.bytes);
        const names = [0, 1].map((row) => batch.workloads[batch.flows.dstWorkload[row] ?? -1]?.name);
        assert.equal(batch.ownershipNext, ownershipNext);
        // It may have waited for a slot, and is then joined at a later position: as that one has it.
        const isLater = ownershipNext > i + 1;
        assert.deepEqual(names, [`w${i}`, isLater ? `w${i + 1}` : undefined], `task ${i} at ${ownershipNext}`);
      }),
    );
  }
  await Promise.all(tasks);
});

test('what a history refuses is counted once, however many workers have it', async (t) => {
  const pool = new EnricherPool({ workers: 2 });
  t.after(() => pool.close());
  const bad = { addr: '10.0.0.2', who: workload('a'), from: 9 * S, to: 3 * S, latest: 3 * S };
  await pool.update(message(0, ownershipOut({ seq: 0, kind: 'full', asOf: 10 * S, claims: [bad] })));
  await pool.update(message(1, { key: null, value: Buffer.from('junk'), headers: {} }));
  await Promise.all(Array.from({ length: 8 }, () => pool.look([])));
  assert.equal(pool.claims.refused, 2);
  assert.match(pool.claims.fault, /message 1: WEIR_SCHEMA/);
});

test('an ownership message that no ring can hold is left out, and the next ones are not', async (t) => {
  const pool = new EnricherPool({ workers: 1 });
  t.after(() => pool.close());
  const huge = { key: null, value: new Uint8Array(8 * 1024 * 1024), headers: {} };
  await assert.rejects(pool.update(message(0, huge)), { code: 'WEIR_TRANSPORT_MESSAGE_TOO_LARGE' });
  assert.equal(pool.position, 1);
  await pool.update(message(1, handOver(0)));
  await pool.look([]);
  assert.deepEqual([pool.claims.applied, pool.claims.next], [1, 2]);
});
