/** Lists of 200,000 addresses, of a watcher and of a static table: in as many messages as it takes, and all of it known. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock, UnixMs } from '../../contract/clock.ts';
import { OWNERSHIP_MESSAGE_BYTES_MAX } from '../../contract/limits.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import { OwnershipHistory } from '../../enricher/ownership/history.ts';
import { OwnerAt } from '../../enricher/ownership/owner.ts';
import { OwnerFinder } from '../../enricher/ownership/owner-at.ts';
import { NO_PORT } from '../../enricher/ownership/tables.ts';
import { encodeStaticMessage, type StaticReporter, staticReporters } from '../../enricher/tables/static-messages.ts';
import type { StaticRow } from '../../enricher/tables/static-rows.ts';
import { int32Words } from '../../schemas/columns.ts';
import { Method, OwnershipKind } from '../../schemas/generated/common.ts';
import type { Claim } from '../../watcher/claims.ts';
import { Publisher } from '../../watcher/publisher.ts';
import { address, workload } from '../fixtures/enricher-messages.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';

const ADDRESSES = 200_000;
const US = 1_000_000;
const NOW_MS = 100_000;
const addressOf = (i: number): Uint8Array => address(`10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`);

/** How many of the addresses have their owner at that time, by the name `nameOf` gives it. */
function named(history: OwnershipHistory, timeUs: number, nameOf: (i: number) => string): number {
  const network = history.findNetwork('net');
  assert.ok(network);
  const finder = new OwnerFinder(history);
  const out = new OwnerAt();
  let right = 0;
  for (let i = 0; i < ADDRESSES; i += 1) {
    const words = int32Words(addressOf(i));
    finder.find(network, words, 0, history.entryOf(network, words, 0), NO_PORT, timeUs, out);
    if (out.workload < 0) continue;
    assert.equal(history.workloads.get(out.workload).instance, nameOf(i));
    right += 1;
  }
  return right;
}

test('a watcher with 200,000 pods says them as several reporters, whole at the start and each minute', async () => {
  const broker = new MemoryBroker();
  broker.ensure([
    {
      name: 'own',
      partitions: 1,
      retentionMs: null,
      retentionBytes: null,
      messageBytesMax: OWNERSHIP_MESSAGE_BYTES_MAX,
    },
  ]);
  let nowMs = NOW_MS;
  const clock: Clock = {
    nowMs: () => nowMs as UnixMs,
    sleep: (ms) => new Promise((done) => setTimeout(done, ms).unref()),
  };
  const publisher = new Publisher({
    ...{ log: broker.client(), clock, logger: silentLogger, meter: silentMeter, topic: 'own' },
    ...{ cluster: 'c', network: 'net', name: 'w', intervalMs: 5000, newEpoch: () => 'e1' },
  });
  const times = { earliestUs: US, fromUs: US, toUs: -1, latestUs: -1 };
  const claims = Array.from({ length: ADDRESSES }, (_, i): Claim => {
    const who = workload('web', { instance: `web-${i}`, instanceUid: `uid-${i}` });
    return { addr: addressOf(i), prefixLength: 128, port: 0, method: Method.address, workload: who, ...times };
  });
  const open = { claims, pods: [] };
  publisher.begin(open, { claims: [], pods: [] }, NOW_MS * 1000);
  nowMs += 61_000;
  publisher.speak(nowMs * 1000, () => open);
  await publisher.close(30_000);
  const messages = broker.messages('own', 0);
  assert.ok(messages.length > 20, `${messages.length} messages`);
  const history = new OwnershipHistory();
  let half = 0;
  for (const [i, { value, appendMs }] of messages.entries()) {
    assert.ok(value.byteLength <= OWNERSHIP_MESSAGE_BYTES_MAX);
    const applied = history.applyBytes(value, Math.max(appendMs, nowMs));
    assert.deepEqual([applied.taken, applied.refused], [true, 0]);
    if (i === messages.length / 2 - 1) half = named(history, NOW_MS * 1000, (k) => `web-${k}`);
  }
  assert.equal(half, ADDRESSES, 'after the first lists');
  assert.equal(
    named(history, nowMs * 1000, (i) => `web-${i}`),
    ADDRESSES,
    'after the second ones',
  );
});

test('a static table of 200,000 addresses is several reporters, and one of their lists that is cut leaves all as it was', () => {
  const rows = Array.from({ length: ADDRESSES }, (_, i): StaticRow => {
    const place = { region: 'eu-1', availabilityZone: '', accountId: '', vpcId: '', subnetId: '' };
    const who = { name: `vm-${i}`, kind: 'VM', namespace: '' };
    return { network: '', addr: addressOf(i), prefixLength: 128, fromUs: 0, toUs: -1, ...who, ...place };
  });
  const reporters = staticReporters('vms.csv', rows, 'net');
  assert.ok(reporters.length > 10, `${reporters.length} reporters`);
  const history = new OwnershipHistory();
  const message = (reporter: StaticReporter, seq: number, asOfMs: number): Uint8Array =>
    encodeStaticMessage(reporter, {
      ...{ cluster: 'c', epoch: reporter.digest, seq, kind: OwnershipKind.full },
      ...{ asOfUs: asOfMs * 1000, intervalMs: 5000 },
    });
  for (const reporter of reporters) {
    const bytes = message(reporter, 0, NOW_MS);
    assert.ok(bytes.byteLength <= OWNERSHIP_MESSAGE_BYTES_MAX);
    assert.equal(history.applyBytes(bytes, NOW_MS).refused, 0);
  }
  assert.equal(
    named(history, NOW_MS * 1000, (i) => `vm-${i}`),
    ADDRESSES,
  );
  const [first, ...others] = reporters;
  const whole = message(first!, 1, NOW_MS + 5000);
  const cut = whole.subarray(0, whole.byteLength >> 1);
  assert.throws(() => history.applyBytes(cut, NOW_MS + 5000), { code: 'WEIR_SCHEMA_TRUNCATED' });
  for (const reporter of others) history.applyBytes(message(reporter, 1, NOW_MS + 5000), NOW_MS + 5000);
  assert.equal(
    named(history, NOW_MS * 1000, (i) => `vm-${i}`),
    ADDRESSES,
    'nothing of it has ended',
  );
  const later = named(history, (NOW_MS + 5000) * 1000, (i) => `vm-${i}`);
  assert.equal(
    later,
    ADDRESSES - first!.rows.length,
    'what the cut list holds is certain up to its last whole one only',
  );
});
