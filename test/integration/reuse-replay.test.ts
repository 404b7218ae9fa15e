/**
 * A fleet whose addresses go from workload to workload, through the whole enricher in virtual time: nobody is named
 * wrongly. The same with ten million flows: npm run soak -- reuse. Wrong rules, planted, are found.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeOwnershipMessage, encodeOwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import { decodeRawBatch, encodeRawBatch } from '../../schemas/generated/flows-raw-v1.ts';
import { type Replay, type ReplayOptions, replayReuse } from '../fixtures/reuse/replay.ts';

const SMALL = { seed: 1, nodes: 10, addresses: 1000, sharedPorts: 10, seconds: 80, rows: 100_000 } as const;
const AGREED = { faults: false, skewUs: 0, clockSkewMs: 0 } as const;

const PLANTED = { addresses: 500, nodes: 5, seconds: 40, rows: 20_000 } as const;

const replay = (options: Partial<ReplayOptions>): Promise<Replay> => replayReuse({ ...SMALL, ...AGREED, ...options });

function assertRight({ judge, left, deadLetters }: Replay): void {
  const { looked, captured, examples } = judge;
  assert.deepEqual([looked.wrong, captured.wrong], [0, 0], examples.join('\n'));
  assert.equal(judge.falseReasons, 0, examples.join('\n'));
  assert.deepEqual([left, deadLetters], [0, 0], 'every batch went through');
  assert.ok(judge.current.wrong > 100, 'a look-up of the owner of now would have been wrong');
}

test('with healthy sidecars no end is named wrongly, and edges know nearly all', async () => {
  const done = await replay({});
  assertRight(done);
  const { ends, unattributed } = done.judge.edges();
  assert.ok(ends > 90_000 && unattributed < ends / 100, `${unattributed} of ${ends}`);
  assert.ok(done.judge.looked.named > 5 * done.judge.looked.unattributed, 'rows know most remote ends by themselves');
  assert.deepEqual(Object.keys(done.judge.byReason).sort(), ['ambiguous', 'gap'], 'nobody was waited for in vain');
});

test('with sidecars that crash and die, and claims that are late, lost, doubled and out of order, neither', async () => {
  assertRight(await replay({ faults: true, seed: 2, rows: 50_000 }));
});

test('nor with clocks that are as far apart as the enricher was told', async () => {
  assertRight(await replay({ faults: true, seed: 3, skewUs: 400_000, clockSkewMs: 400, rows: 50_000 }));
});

test('a wrong rule shows: clocks apart that nobody told of', async () => {
  const { judge } = await replay({ skewUs: 2_000_000, clockSkewMs: 0, ...PLANTED });
  assert.ok(judge.looked.wrong > 0);
});

test('a wrong rule shows: claims that are believed past their reporter’s last word', async () => {
  const spoilOwnership = (bytes: Uint8Array): Uint8Array => {
    const message = decodeOwnershipMessage(bytes);
    return encodeOwnershipMessage({ ...message, asOfUs: message.asOfUs + 900_000 });
  };
  const { judge } = await replay({ spoilOwnership, ...PLANTED });
  assert.ok(judge.looked.wrong > 0);
});

test('a wrong rule shows: owners looked up at the end of a flow only', async () => {
  const { judge } = await replay({
    ...PLANTED,
    spoilRaw: (message) => {
      const batch = decodeRawBatch(message.value);
      batch.flows.startUs.set(batch.flows.endUs);
      return { ...message, value: encodeRawBatch(batch) };
    },
  });
  assert.ok(judge.looked.wrong > 0);
});
