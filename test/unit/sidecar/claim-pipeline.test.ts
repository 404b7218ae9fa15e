import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../contract/clock.ts';
import { silentLogger } from '../../../contract/log.ts';
import { silentMeter } from '../../../contract/meter.ts';
import { OWNERSHIP_KIND_SYMBOLS } from '../../../schemas/generated/common.ts';
import { decodeOwnershipMessage, type OwnershipMessage } from '../../../schemas/generated/ownership-v1.ts';
import { ClaimPipeline } from '../../../sidecar/claim-pipeline.ts';
import type { Listener } from '../../../sidecar/host-view.ts';
import { Sender } from '../../../sidecar/sender.ts';
import { FakeHost, FakeSource, listenerOf, namespaceOf } from '../../fixtures/fake-machine.ts';
import { MemoryBroker } from '../../fixtures/memory-log.ts';

const OWN = 'own';

const another = (second: number): Listener[] => [listenerOf(1, '10.0.0.1', 80 + second, 11)];

/** A pipeline whose machine shows another listener, or what is said, at each scan, a second apart. */
async function busy(seconds: number, listeners: (second: number) => Listener[] = another): Promise<OwnershipMessage[]> {
  const broker = new MemoryBroker();
  broker.ensure([{ name: OWN, partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 20 }]);
  const log = broker.client();
  let nowMs = 1_000_000;
  const host = new FakeHost('n1', () => 1000 * nowMs);
  host.paths.set(11, '/demo/web').set(12, '/demo/cart');
  host.namespaces = [namespaceOf(1, ['10.0.0.1/24'], [11, 12])];
  const options = {
    ...{ log, source: new FakeSource(), host, clock: systemClock, logger: silentLogger, meter: silentMeter },
    ...{ cluster: 'c', network: 'n', node: 'n1', rawTopic: 'raw', ownershipTopic: OWN, batchFlows: 10 },
    ...{ batchAgeMs: 1000, intervalMs: 1000, heartbeatMs: 5000, scanMs: 1000, ringPollMs: 10 },
  };
  const sender = new Sender({
    ...{ log, topic: OWN, partition: 0, clock: systemClock, logger: silentLogger },
    ...{ requestBytesMax: 1 << 20, acknowledged: () => undefined },
  });
  const pipeline = new ClaimPipeline(options, 'e1', sender);
  for (let second = 0; second < seconds; second += 1) {
    nowMs += 1000;
    host.listeners = listeners(second);
    await pipeline.scan([], nowMs, 1000 * nowMs);
    pipeline.speak(nowMs, 1000 * nowMs);
    await sender.drained(1000);
  }
  return broker.messages(OWN, 0).map(({ value }) => decodeOwnershipMessage(value));
}

test('where something changes at each scan, the full list still comes once a minute', async () => {
  const messages = await busy(130);
  const kinds = messages.map(({ kind }) => OWNERSHIP_KIND_SYMBOLS[kind]);
  assert.deepEqual(
    kinds.flatMap((kind, i) => (kind === 'full' ? [messages[i]!.asOfUs / 1_000_000 - 1001] : [])),
    [0, 60, 120],
  );
  assert.equal(kinds.filter((kind) => kind === 'delta').length, 129);
});

test('where the claims are shared among reporters and one has a change at each scan, the others do not fall silent', async () => {
  const staying = Array.from({ length: 8000 }, (_, i) => listenerOf(1, '10.0.0.1', 1000 + i, 11));
  const comesAndGoes = listenerOf(1, '10.0.0.1', 80, 11);
  const messages = await busy(12, (second) => (second % 2 === 0 ? staying : [...staying, comesAndGoes]));
  const said = Map.groupBy(messages, ({ reporter }) => reporter);
  assert.ok(said.size > 1);
  for (const [reporter, its] of said) {
    const seconds = its.map(({ asOfUs }) => asOfUs / 1_000_000 - 1001);
    assert.equal(seconds.at(-1), 11, reporter);
    for (const [i, second] of seconds.entries()) assert.ok(second - (seconds[i - 1] ?? 0) <= 5, reporter);
  }
});
