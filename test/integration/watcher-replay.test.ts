/**
 * What a real kube-apiserver sent (test/kubernetes recorded it), without one: every address has the owner that it had,
 * at every instant that was noted, through the real messages, history and join.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OwnershipHistory } from '../../enricher/ownership/history.ts';
import { OwnershipKind } from '../../schemas/generated/common.ts';
import { Cluster } from '../../watcher/cluster.ts';
import { ReporterMessages } from '../../watcher/messages.ts';
import { CLUSTER, holdAgainst, NETWORK } from '../fixtures/kube/owner-question.ts';
import { readRecording, Replay } from '../fixtures/kube/replay.ts';

const NOTHING = { claims: [], pods: [] };

for (const name of ['attribution', 'outages']) {
  test(`the recorded streams "${name}" give every instant its owner`, () => {
    const { lines, truths } = readRecording(name);
    const cluster = new Cluster({ cluster: CLUSTER, network: NETWORK, labels: ['app'] });
    const replay = new Replay(cluster);
    const history = new OwnershipHistory();
    const reporter = { cluster: CLUSTER, network: NETWORK, reporter: 'watcher', epoch: 'e', intervalMs: 5000 };
    const messages = new ReporterMessages(reporter);
    const say = (kind: OwnershipKind, changes: ReturnType<Cluster['open']>, atMs: number): void => {
      for (const { bytes } of messages.encodeAll(kind, changes, atMs * 1000, atMs * 1000)) {
        assert.equal(history.applyBytes(bytes, atMs).fault, null);
      }
    };
    say(OwnershipKind.full, NOTHING, lines[0]!.atMs - 1);
    for (const line of lines) {
      replay.play(line);
      say(OwnershipKind.delta, cluster.takeChanges(), line.atMs);
    }
    say(OwnershipKind.full, cluster.open(), lines.at(-1)!.atMs + 10_000);
    assert.ok(truths.length >= 6);
    for (const truth of truths) holdAgainst(history, truth);
  });
}
