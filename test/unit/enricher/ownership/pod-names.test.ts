import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchDictionaries } from '../../../../enricher/dictionaries.ts';
import { Joiner, newEndCounts } from '../../../../enricher/join.ts';
import { HISTORY_DEFAULTS, OwnershipHistory } from '../../../../enricher/ownership/history.ts';
import { isWorthALook, type Need } from '../../../../enricher/ready.ts';
import { ReporterKind, type Workload } from '../../../../schemas/generated/common.ts';
import { EnrichedFlowColumns } from '../../../../schemas/generated/flows-enriched-v1.ts';
import { ownership, rawBatch, type TestOwnership, workload } from '../../../fixtures/enricher-messages.ts';

const S = 1_000_000;
const LATE = 1e9;
const bare = (uid: string): Workload => workload(uid, { kind: 'Pod', instance: uid, instanceUid: uid });
const shop = workload('shop', { namespace: 'store', instance: 'shop-7f-x', instanceUid: 'uid-a', node: 'n1' });

const watcher = (seq: number, asOf: number, more: Partial<TestOwnership> = {}): TestOwnership => {
  const kind = seq === 0 ? 'full' : 'delta';
  return { reporter: 'w', reporterKind: ReporterKind.watcher, seq, kind, asOf: asOf * S, ...more };
};
/** A sidecar that has seen a pod with an address. */
const sidecar = (seq: number, asOf: number): TestOwnership => {
  const claims = [{ addr: '10.0.0.2', who: bare('uid-a'), from: S }];
  return { seq, kind: 'full', asOf: asOf * S, claims };
};

function joined(history: OwnershipHistory): { needs: readonly Need[]; src: Workload; dst: Workload } {
  const flow = { local: '10.0.0.1', remote: '10.0.0.2', start: 2 * S, end: 3 * S, localWorkload: 0 };
  const raw = rawBatch({ workloads: [bare('uid-b')], flows: [flow] });
  const joiner = new Joiner(history);
  const needs = joiner.look(raw);
  const out = new EnrichedFlowColumns(1);
  const dictionaries = new BatchDictionaries(history.workloads);
  joiner.write(raw, out, dictionaries, newEndCounts());
  const at = (i: number | undefined): Workload => dictionaries.workloads[i ?? -1]!;
  return { needs, src: at(out.srcWorkload[0]), dst: at(out.dstWorkload[0]) };
}

test('a pod that a sidecar knows by its UID has the name that a watcher gave it, at either end', () => {
  const history = new OwnershipHistory();
  const client = workload('client', { instance: 'client-0', instanceUid: 'uid-b' });
  history.apply(ownership(sidecar(0, 10)), LATE);
  history.apply(ownership(watcher(0, 10, { pods: [{ who: shop }, { who: client }] })), LATE);
  const { needs, src, dst } = joined(history);
  assert.deepEqual(needs, []);
  assert.deepEqual(dst, shop);
  assert.deepEqual(src, client);
  assert.equal(history.workloads.pods.unnamed, 0);
});

test('without a watcher nobody waits: the pod goes by its UID', () => {
  const history = new OwnershipHistory();
  history.apply(ownership(sidecar(0, 10)), LATE);
  const { needs, src, dst } = joined(history);
  assert.deepEqual(needs, []);
  assert.equal(dst.name, 'uid-a');
  assert.equal(src.name, 'uid-b');
});

test('a batch waits for the watcher to be past it, or to name the pods, and is worth a look as soon as it is', () => {
  const history = new OwnershipHistory();
  history.apply(ownership(sidecar(0, 10)), LATE);
  history.apply(ownership(watcher(0, 2)), LATE);
  const { needs } = joined(history);
  assert.deepEqual(
    needs.map(({ reporter, untilUs, pod }) => [reporter, untilUs, pod]),
    [
      [-2, 3 * S, undefined],
      [-2, 3 * S, 'c\0uid-b'],
    ],
  );
  assert.equal(isWorthALook(history, needs), false);
  assert.equal(isWorthALook(history, needs.slice(1)), false);
  history.apply(ownership(watcher(1, 2, { pods: [{ who: { ...shop, instanceUid: 'uid-b' } }] })), LATE);
  assert.equal(isWorthALook(history, needs.slice(1)), true);
  assert.equal(isWorthALook(history, needs), false);
  history.apply(ownership(watcher(2, 4)), LATE);
  assert.equal(isWorthALook(history, needs), true);
  assert.deepEqual(joined(history).needs, []);
});

test('a watcher that fell silent is waited for until the hold ends, and then no longer than the history remembers', () => {
  const history = new OwnershipHistory();
  history.apply(ownership(watcher(0, 2)), LATE);
  history.apply(ownership(sidecar(0, 100)), LATE);
  assert.equal(joined(history).needs.length, 2);
  const later = 100 + HISTORY_DEFAULTS.retainMs / 1000;
  history.apply(ownership(sidecar(1, later)), LATE);
  assert.deepEqual(joined(history).needs, []);
});

test('of two watchers the later word counts, and what a sidecar says of pods is refused', () => {
  const history = new OwnershipHistory();
  history.apply(ownership(watcher(0, 10, { pods: [{ who: shop }] })), LATE);
  const renamed = { ...shop, labels: '{"app":"shop"}' };
  history.apply(ownership({ ...watcher(0, 11, { pods: [{ who: renamed }] }), reporter: 'w2' }), LATE);
  assert.deepEqual(history.workloads.pods.resolve(bare('uid-a')), renamed);
  const applied = history.apply(ownership({ seq: 0, kind: 'full', asOf: 12 * S, pods: [{ who: shop }] }), LATE);
  assert.equal(applied.refused, 1);
  assert.match(applied.fault ?? '', /no watcher/);
  assert.deepEqual(history.workloads.pods.resolve(bare('uid-a')), renamed);
});

test('a name whose workload is out of range, or without a UID, is refused and named', () => {
  const history = new OwnershipHistory();
  const message = ownership(watcher(0, 10, { pods: [{ who: shop }] }));
  const beyond = history.apply({ ...message, pods: [{ workload: 1, fromUs: 0, toUs: -1 }] }, LATE);
  assert.deepEqual([beyond.refused, beyond.fault], [1, 'pod: workload 1 of 1']);
  const nobody = ownership(watcher(1, 10, { pods: [{ who: { ...shop, instanceUid: '' } }] }));
  assert.equal(history.apply(nobody, LATE).fault, 'a pod without UID');
});

test('names are forgotten once the pod is gone for as long as claims are kept, and not while a watcher repeats them', () => {
  const history = new OwnershipHistory({ retainMs: 100_000, clockSkewMs: 1e9 });
  const kept = { ...shop, instanceUid: 'uid-kept' };
  const unlisted = { ...shop, instanceUid: 'uid-unlisted' };
  const all = [{ who: shop }, { who: kept }, { who: unlisted }];
  history.apply(ownership(watcher(0, 10, { pods: all })), LATE);
  history.apply(ownership(watcher(1, 20, { pods: [{ who: shop, from: 0, to: 15 * S }] })), LATE);
  // A full list that does not name one says that it is gone.
  history.apply(ownership(watcher(2, 30, { kind: 'full', pods: [{ who: kept }] })), LATE);
  assert.equal(history.workloads.pods.size, 3);
  for (let seq = 3; seq < 20; seq += 1) history.apply(ownership(watcher(seq, 20 * seq, { kind: 'asOf' })), LATE);
  assert.equal(history.workloads.pods.size, 1);
  assert.equal(history.workloads.pods.resolve(bare('uid-kept')).name, 'shop');
  assert.equal(history.workloads.size, 1);
});

test('what was found of a pod holds until its name comes, changes or goes', () => {
  const history = new OwnershipHistory({ ...HISTORY_DEFAULTS, retainMs: 60_000 });
  const { workloads } = history;
  history.apply(ownership(sidecar(0, 10)), LATE);
  history.apply(ownership(watcher(0, 10)), LATE);
  const id = workloads.find(bare('uid-a'));
  const name = (): string => workloads.get(workloads.pods.resolveId(id)).name;
  assert.deepEqual([name(), name()], ['uid-a', 'uid-a']);
  history.apply(ownership(watcher(1, 11, { pods: [{ who: shop }] })), LATE);
  assert.deepEqual([name(), name()], ['shop', 'shop']);
  assert.equal(workloads.pods.resolveId(workloads.find(shop)), workloads.find(shop));
  history.apply(ownership(watcher(2, 12, { pods: [{ who: { ...shop, name: 'store' }, to: 12 * S }] })), LATE);
  assert.equal(name(), 'store');
  history.apply(ownership({ ...sidecar(1, 200), kind: 'asOf', claims: [] }), LATE);
  assert.equal(workloads.pods.size, 0);
  assert.equal(name(), 'uid-a');
});

test('the number of a pod that was forgotten is another workload’s without its name', () => {
  const history = new OwnershipHistory();
  const { workloads } = history;
  history.apply(ownership(watcher(0, 10, { pods: [{ who: shop }] })), LATE);
  const pod = workloads.acquire(bare('uid-a'));
  assert.equal(workloads.get(workloads.pods.resolveId(pod)).name, 'shop');
  workloads.release(pod);
  const next = workloads.acquire(workload('next'));
  assert.equal(next, pod);
  assert.equal(workloads.pods.resolveId(next), next);
  workloads.release(next);
  assert.equal(workloads.acquire(bare('uid-a')), pod);
  assert.equal(workloads.get(workloads.pods.resolveId(pod)).name, 'shop');
});
