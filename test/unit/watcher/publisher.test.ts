import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock, UnixMs } from '../../../contract/clock.ts';
import { WeirError } from '../../../contract/errors.ts';
import { OWNERSHIP_MESSAGE_BYTES_MAX } from '../../../contract/limits.ts';
import { silentLogger } from '../../../contract/log.ts';
import { silentMeter } from '../../../contract/meter.ts';
import { OwnershipHistory } from '../../../enricher/ownership/history.ts';
import { Method, OWNERSHIP_KIND_SYMBOLS } from '../../../schemas/generated/common.ts';
import { decodeOwnershipMessage, type OwnershipMessage } from '../../../schemas/generated/ownership-v1.ts';
import type { Claim } from '../../../watcher/claims.ts';
import type { Changes } from '../../../watcher/cluster.ts';
import { Publisher } from '../../../watcher/publisher.ts';
import { address, workload } from '../../fixtures/enricher-messages.ts';
import { type LogFaults, MemoryBroker } from '../../fixtures/memory-log.ts';

const NOTHING: Changes = { claims: [], pods: [] };
const US = 1_000_000;

function claim(i: number, labels = ''): Claim {
  const who = workload('web', { instance: `web-${i}`, instanceUid: `uid-${i}`, labels });
  const addr = address(`10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`);
  const times = { earliestUs: US, fromUs: US, toUs: -1, latestUs: -1 };
  return { addr, prefixLength: 128, port: 0, method: Method.address, workload: who, ...times };
}
const many = (count: number, labels = ''): Changes => {
  const claims = Array.from({ length: count }, (_, i) => claim(i, labels));
  return { claims, pods: claims.map(({ workload: who }) => ({ workload: who!, fromUs: 0, toUs: -1 })) };
};

class World {
  readonly broker = new MemoryBroker();
  readonly publisher: Publisher;
  nowMs = 10_000;
  #epochs = 0;

  constructor(faults: LogFaults = {}) {
    this.broker.ensure([
      {
        name: 'own',
        partitions: 1,
        retentionMs: null,
        retentionBytes: null,
        messageBytesMax: OWNERSHIP_MESSAGE_BYTES_MAX,
      },
    ]);
    const clock: Clock = {
      nowMs: () => this.nowMs as UnixMs,
      sleep: (ms) => new Promise((done) => setTimeout(done, ms < 1000 ? 1 : 300)),
    };
    this.publisher = new Publisher({
      ...{ log: this.broker.client(faults), clock, logger: silentLogger, meter: silentMeter, topic: 'own' },
      ...{ cluster: 'c', network: 'net', name: 'w', intervalMs: 5000, newEpoch: () => `e${(this.#epochs += 1)}` },
    });
  }

  async said(): Promise<string[]> {
    await this.publisher.close(1000);
    return this.messages().map(
      ({ reporter, epoch, seq, kind, asOfUs, claims }) =>
        `${reporter} ${epoch} ${seq} ${OWNERSHIP_KIND_SYMBOLS[kind]} ${asOfUs / US} ${claims.length}`,
    );
  }

  messages(): OwnershipMessage[] {
    return this.broker.messages('own', 0).map(({ value }) => decodeOwnershipMessage(value));
  }

  history(): OwnershipHistory {
    const history = new OwnershipHistory();
    for (const message of this.messages()) assert.equal(history.apply(message, 1e9).fault, null);
    return history;
  }
}

test('the whole list, then changes at once, a heartbeat by half the interval, the whole again each minute, and goodbye', async () => {
  const world = new World();
  const { publisher } = world;
  publisher.begin(many(2), NOTHING, 5 * US);
  publisher.tell({ claims: [claim(7)], pods: [] }, 6 * US);
  publisher.speak(7 * US, () => many(3));
  world.nowMs += 2500;
  publisher.speak(8 * US, () => many(3));
  world.nowMs += 60_000;
  publisher.speak(9 * US, () => many(3));
  publisher.goodbye();
  assert.deepEqual(await world.said(), [
    'w e1 0 full 5 2',
    'w e1 1 delta 6 1',
    'w e1 2 as_of 8 0',
    'w e1 3 full 9 3',
    'w e1 4 goodbye 9 0',
  ]);
});

test('as of never steps back', async () => {
  const world = new World();
  world.publisher.begin(NOTHING, NOTHING, 5 * US);
  world.publisher.tell(many(1), 3 * US);
  assert.deepEqual(await world.said(), ['w e1 0 full 5 0', 'w e1 1 delta 5 1']);
});

test('a list that is too large for one message is told by several reporters, each whole, and all of it is known', async () => {
  const world = new World();
  world.publisher.begin(many(9000), NOTHING, 5 * US);
  await world.said();
  const messages = world.messages();
  assert.ok(messages.length > 1);
  assert.equal(new Set(messages.map(({ reporter }) => reporter)).size, messages.length);
  assert.ok(messages.every(({ kind, seq }) => kind === 0 && seq === 0));
  const history = world.history();
  assert.equal(history.entries.size, 9000);
  assert.equal(history.workloads.pods.size, 9000);
});

test('a change that is too large for one message is told in parts, of which only the last vouches', async () => {
  const world = new World();
  world.publisher.begin(NOTHING, NOTHING, 5 * US);
  world.publisher.tell(many(9000), 6 * US);
  const said = await world.said();
  assert.ok(said.length > 2);
  assert.ok(
    said.slice(1, -1).every((line) => line.includes(' delta 5 ')),
    String(said),
  );
  assert.match(said.at(-1) ?? '', / delta 6 /);
  assert.equal(world.history().entries.size, 9000);
});

test('a list that has outgrown its reporters begins a new life as more of them, and nothing is lost', async () => {
  const world = new World();
  world.publisher.begin(many(10), NOTHING, 5 * US);
  world.nowMs += 61_000;
  world.publisher.speak(6 * US, () => many(9000));
  const said = await world.said();
  assert.deepEqual(said.slice(0, 2), ['w e1 0 full 5 10', 'w e1 1 goodbye 6 0']);
  assert.ok(said.length > 3);
  assert.ok(
    said.slice(2).every((line) => / e2 0 full 6 /.test(line)),
    String(said),
  );
  assert.equal(world.history().entries.size, 9000);
});

test('a produce whose answer was lost is sent again as the same bytes', async () => {
  let lost = 2;
  const world = new World({
    after: ({ method }) => {
      if (method === 'produce' && (lost -= 1) >= 0) throw new WeirError('WEIR_TRANSPORT_UNAVAILABLE', 'lost');
    },
  });
  world.publisher.begin(many(1), NOTHING, 5 * US);
  world.publisher.tell({ claims: [claim(7)], pods: [] }, 6 * US);
  const said = await world.said();
  assert.deepEqual([...new Set(said)], ['w e1 0 full 5 1', 'w e1 1 delta 6 1']);
  assert.ok(said.length > 2);
  assert.equal(world.history().entries.size, 2);
});

test('while the log is away nothing more is said than it may hold back', async () => {
  const world = new World({
    before: ({ method }) => {
      if (method === 'produce') throw new WeirError('WEIR_TRANSPORT_UNAVAILABLE', 'away');
    },
  });
  world.publisher.begin(NOTHING, NOTHING, US);
  for (let i = 0; i < 100 && world.publisher.maySpeak; i += 1) world.publisher.tell(many(1), (2 + i) * US);
  assert.equal(world.publisher.maySpeak, false);
  assert.deepEqual(await world.said(), []);
});

test('a log that refuses for good ends it, with the reason', async () => {
  const world = new World({
    before: ({ method }) => {
      if (method === 'produce') throw new WeirError('WEIR_TRANSPORT_CLOSED', 'closed');
    },
  });
  world.publisher.begin(NOTHING, NOTHING, US);
  await world.said();
  assert.equal(world.publisher.failure?.code, 'WEIR_TRANSPORT_CLOSED');
});
