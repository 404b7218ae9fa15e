import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { assign, type GroupMemberClaim } from '../../../../transport/kafka/assignment.ts';

const claims = (owned: Record<string, readonly number[]>): GroupMemberClaim[] =>
  Object.entries(owned).map(([id, partitions]) => ({ id, owned: partitions }));

const given = (assignment: ReadonlyMap<string, readonly number[]>): Record<string, readonly number[]> =>
  Object.fromEntries([...assignment].map(([id, partitions]) => [id, [...partitions].sort((a, b) => a - b)]));

/** Rounds until nobody has to let go of anything: what a group does by itself. */
function settle(start: readonly GroupMemberClaim[], count: number): { claims: GroupMemberClaim[]; rounds: number } {
  let now = [...start];
  for (let rounds = 1; ; rounds++) {
    assert.ok(rounds <= 3, 'two rounds and one to see that nothing changes');
    const assignment = assign(now, count);
    const next = now.map(({ id }) => ({ id, owned: assignment.get(id) ?? [] }));
    const isSettled = next.every(({ owned }, index) => owned.length === now[index]?.owned.length);
    now = next;
    if (isSettled && next.flatMap(({ owned }) => owned).length === count) return { claims: now, rounds };
  }
}

test('a first member gets all, and a second one nothing that is not let go yet', () => {
  assert.deepEqual(given(assign(claims({ a: [] }), 4)), { a: [0, 1, 2, 3] });
  assert.deepEqual(given(assign(claims({ a: [0, 1, 2, 3], b: [] }), 4)), { a: [0, 1], b: [] });
  assert.deepEqual(given(assign(claims({ a: [0, 1], b: [] }), 4)), { a: [0, 1], b: [2, 3] });
});

test('a member that left leaves its partitions to the others, who keep theirs', () => {
  assert.deepEqual(given(assign(claims({ b: [2, 3], c: [5] }), 6)), { b: [1, 2, 3], c: [0, 4, 5] });
});

test('more members than partitions: some have none; partitions that are gone are nobody’s', () => {
  assert.deepEqual(given(assign(claims({ a: [], b: [], c: [0, 7] }), 2)), { a: [1], b: [], c: [0] });
});

test('no partition is ever given while another member works at it, and the rounds end even and whole', () => {
  const group = fc
    .uniqueArray(fc.string({ minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 8 })
    .chain((ids) =>
      fc.tuple(fc.constant(ids), fc.array(fc.nat(ids.length), { maxLength: 20 }), fc.integer({ min: 1, max: 20 })),
    );
  fc.assert(
    fc.property(group, ([ids, owners, count]) => {
      const start = ids.map((id, index) => ({
        id,
        owned: owners.flatMap((owner, partition) => (owner === index ? [partition] : [])),
      }));
      const ownerOf = new Map(start.flatMap(({ id, owned }) => owned.map((partition) => [partition, id] as const)));
      for (const [id, partitions] of assign(start, count)) {
        for (const partition of partitions) {
          assert.ok(partition < count);
          assert.ok(!ownerOf.has(partition) || ownerOf.get(partition) === id, `${partition} is still another's`);
        }
      }
      const { claims: ended } = settle(start, count);
      const all = ended.flatMap(({ owned }) => owned);
      assert.deepEqual(
        [...all].sort((a, b) => a - b),
        Array.from({ length: count }, (_, partition) => partition),
      );
      const loads = ended.map(({ owned }) => owned.length);
      assert.ok(Math.max(...loads) - Math.min(...loads) <= 1, `even: ${loads.join()}`);
      assert.deepEqual(given(assign([...start].reverse(), count)), given(assign(start, count)));
    }),
  );
});
