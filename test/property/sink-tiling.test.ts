/** Whatever is sent again, left out or told as lost: the rows taken and the losses told tile each stream exactly. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type LossEntry, type StreamMap, sumLosses } from '../../schemas/objects.ts';
import { beginFold, foldSource, type FoldSource, sumAdvance } from '../../sink/tiling.ts';

/** A stream cut into batches; each arrives any number of times, never before the one that it follows arrived first. */
const batch = fc.record({
  flows: fc.nat(20),
  lost: fc.nat(5),
  arrives: fc.boolean(),
  /** Batches (by distance back) that arrive again after this one. */
  again: fc.array(fc.nat(6), { maxLength: 3 }),
});
const stream = fc.array(batch, { minLength: 1, maxLength: 25 });

function sourcesOf(ring: string, batches: readonly (typeof batch extends fc.Arbitrary<infer T> ? T : never)[]) {
  const all: FoldSource[] = [];
  const arrived: FoldSource[] = [];
  let first = 0;
  for (const { flows, lost, arrives, again } of batches) {
    const next = first + flows + lost;
    const loss = { stage: 'kernel', reason: 'ring_full', flows: lost, intervalStartUs: 0, intervalEndUs: 0 };
    const losses = lost > 0 ? [{ ...loss, intentional: false }] : [];
    const source = { offset: 0, appendUs: 1, node: 'n', ring, first, next, flows, rows: flows, losses };
    if (arrives) {
      arrived.push(source);
      all.push(source);
    }
    for (const back of again) if (arrived.length > back) all.push(arrived[arrived.length - 1 - back]!);
    first = next;
  }
  // An idle stream says its total in the end.
  all.push({ offset: 0, appendUs: 1, node: 'n', ring, first, next: first, flows: 0, rows: 0, losses: [] });
  return { sources: all, made: first };
}

test('rows and losses of every object add up to what the streams went on by', () => {
  fc.assert(
    fc.property(stream, stream, fc.array(fc.boolean(), { minLength: 200, maxLength: 200 }), (a, b, coins) => {
      const streams = [sourcesOf('a', a), sourcesOf('b', b)];
      const queues = streams.map(({ sources }) => [...sources]);
      const taken = new Map<string, number>();
      const everLost: LossEntry[] = [];
      let before: StreamMap = new Map();
      let state = beginFold(before, new Map());
      let losses: LossEntry[] = [];
      let rows = 0;
      for (let turn = 0; queues.some((queue) => queue.length > 0); turn++) {
        const queue = queues[(coins[turn % 200] ? 0 : 1) as 0 | 1]!;
        const source = queue.shift() ?? queues.find((other) => other.length > 0)!.shift()!;
        const { verdict } = foldSource(state, source, source.flows, 'raw-0', 1, losses);
        assert.notEqual(verdict, 'refused');
        if (verdict === 'taken') {
          rows += source.flows;
          for (let n = source.first; n < source.first + source.flows; n++) {
            const flow = `${source.ring}${n}`;
            taken.set(flow, (taken.get(flow) ?? 0) + 1);
          }
        }
        // An object ends here: it must prove itself, and the next goes on from its state.
        if (coins[(7 * turn) % 200]) {
          assert.equal(rows + sumLosses(losses), sumAdvance(before, state.streams));
          everLost.push(...losses);
          before = state.streams;
          state = beginFold(before, state.marks);
          losses = [];
          rows = 0;
        }
      }
      everLost.push(...losses);
      assert.ok([...taken.values()].every((times) => times === 1));
      const made = streams.reduce((sum, entry) => sum + entry.made, 0);
      assert.equal(taken.size + sumLosses(everLost), made);
    }),
    { numRuns: 300 },
  );
});
