/**
 * Translated connections by seed, with known truth: the table is asked for every flow, from either end, as late as the
 * sidecar does. It may know nothing; it may never be wrong. And netlink messages damaged in every way.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { loadConntrack } from '../../sidecar/conntrack/native-conntrack.ts';
import { CONNTRACK_RECORD, TUPLE } from '../../sidecar/conntrack/record.ts';
import { TranslationTable } from '../../sidecar/conntrack/translation-table.ts';
import { conntrackMessage, conntrackRecords, type TrackedConnection } from '../fixtures/conntrack-records.ts';
import { addressBytes } from '../fixtures/ring-bytes.ts';
import { SeededRandom } from '../fixtures/seeded-random.ts';

type Endpoint = readonly [string, number];

interface Flow {
  readonly backend: number;
  readonly openedUs: number;
  readonly endUs: number;
  readonly isOlder: boolean;
  readonly port: number;
  readonly isMasked: boolean;
  readonly failed: boolean;
  /** Of the client's row and of the server's; the server sees the opening a round trip later. */
  readonly rttUs: number;
}

interface Event {
  readonly atUs: number;
  readonly record: TrackedConnection;
}

const BACKENDS = 3;
const VIP: Endpoint = ['10.96.0.1', 80];
const MASK = '10.9.9.9';
const backendOf = (n: number): Endpoint => [`10.0.1.${n}`, 8080];
const clientOf = (port: number): Endpoint => ['10.0.0.1', port];

/** Connections of one own port, one after the other; what is left of one ends when the next begins, or by itself. */
function history(random: SeededRandom, port: number, untilUs: number): { flows: Flow[]; events: Event[] } {
  const flows: Flow[] = [];
  const events: Event[] = [];
  let atUs = random.below(400_000);
  let left: { record: TrackedConnection; goneUs: number } | null = null;
  for (let id = 1; atUs < untilUs; id += 1) {
    const failed = random.below(20) === 0;
    const openedUs = atUs;
    const endUs = openedUs + 500 + random.below(random.below(2) === 0 ? 3000 : 900_000);
    const isMasked = random.below(3) === 0;
    const backend = random.below(BACKENDS);
    if (left !== null && left.goneUs < openedUs) events.push({ atUs: left.goneUs, record: left.record });
    // A SYN that a rule drops ends what was left of the connection before, and begins nothing.
    const bornUs = openedUs + random.below(300);
    if (left !== null && left.goneUs >= openedUs) events.push({ atUs: bornUs, record: left.record });
    left = null;
    if (!failed) {
      const ends = { src: clientOf(port), dst: VIP, backend: backendOf(backend) };
      const record = {
        kind: 'new' as const,
        id: 1000 * port + id,
        ...ends,
        ...(isMasked ? { seenSrc: [MASK, port] as const } : {}),
      };
      events.push({ atUs: bornUs, record });
      left = { record: { ...record, kind: 'destroy' }, goneUs: endUs + 100_000 + random.below(2_000_000) };
    }
    flows.push({
      backend,
      openedUs,
      endUs,
      isOlder: random.below(10) === 0,
      port,
      isMasked,
      failed,
      rttUs: random.below(3) * 20_000,
    });
    atUs = endUs + 50 + random.below(random.below(3) === 0 ? 1000 : 600_000);
  }
  return { flows, events };
}

/** Words of an answer's address, or null. */
function ask(table: TranslationTable, flow: Flow, asClient: boolean): string | null {
  const seen: Endpoint = flow.isMasked ? [MASK, flow.port] : clientOf(flow.port);
  const [local, remote] = asClient ? [clientOf(flow.port), VIP] : [backendOf(flow.backend), seen];
  const words = (address: string): Int32Array => new Int32Array(addressBytes(address).buffer);
  const openedUs = flow.openedUs + (asClient ? 0 : flow.rttUs);
  const entry = table.find({
    ...{ local: words(local[0]), remote: words(remote[0]), at: 0, localPort: local[1], remotePort: remote[1] },
    ...{ asClient, failed: flow.failed, endUs: Math.max(flow.endUs, openedUs) },
    ...{ openedUs: flow.isOlder ? -1 : openedUs, sinceUs: openedUs },
  });
  if (entry < 0) return null;
  const at = TUPLE.words * entry + (asClient ? TUPLE.replySrc : TUPLE.origSrc);
  return [...new Uint8Array(table.tuples.buffer, 4 * at + 12, 4)].join('.');
}

/** How many flows were told right, and how many not at all. */
function run(seed: number, connectionsMax: number, ports: number, untilUs: number): { right: number; silent: number } {
  const random = new SeededRandom(seed);
  const all = Array.from({ length: ports }, (_, i) => history(random, 40_000 + i, untilUs));
  const events = all.flatMap((one) => one.events).sort((a, b) => a.atUs - b.atUs);
  const flows = all.flatMap((one) => one.flows).sort((a, b) => a.endUs - b.endUs);
  const table = new TranslationTable(connectionsMax);
  const counts = { right: 0, silent: 0 };
  let [event, flow, sinceUs, atUs] = [0, 0, 0, 0];
  while (flow < flows.length) {
    atUs += 1000 + random.below(random.below(10) === 0 ? 900_000 : 150_000);
    const first = event;
    while (event < events.length && events[event]!.atUs < atUs) event += 1;
    const records = events.slice(first, event).map(({ record }) => record);
    table.apply(conntrackRecords(...records), records.length, sinceUs, atUs);
    table.sweep(atUs);
    sinceUs = atUs;
    // Rows wait for their batch, some longer than others.
    while (flow < flows.length && flows[flow]!.endUs + random.below(400_000) < atUs) {
      const one = flows[flow++]!;
      for (const asClient of [true, false]) {
        const answer = ask(table, one, asClient);
        const truth = asClient ? backendOf(one.backend)[0] : '10.0.0.1';
        if (answer === null) counts.silent += 1;
        else {
          assert.ok(!one.failed, `seed ${seed}: a flow that began nothing was given ${answer}`);
          assert.equal(answer, truth, `seed ${seed}: port ${one.port} opened at ${one.openedUs}`);
          counts.right += 1;
        }
      }
    }
  }
  return counts;
}

test('no flow is given the translation of another', () => {
  let right = 0;
  let silent = 0;
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const counts = run(seed, 4096, 20, 4_000_000);
      right += counts.right;
      silent += counts.silent;
    }),
    { numRuns: 150, seed: 1 },
  );
  assert.ok(right > silent, `${right} told, ${silent} not`);
});

test('no flow is given the translation of another where there is room for a part of them only', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      run(seed, 1024, 1500, 1_500_000);
    }),
    { numRuns: 6, seed: 2 },
  );
});

const connection: fc.Arbitrary<TrackedConnection> = fc
  .tuple(
    fc.constantFrom('new' as const, 'destroy' as const, 'seen' as const),
    fc.nat(0xffff_ffff),
    fc.nat(0xffff),
    fc.boolean(),
    fc.array(fc.nat(0xffff), { minLength: 4, maxLength: 4 }),
  )
  .map(([kind, id, zone, isV6, ports]) => {
    const address = (n: number): string => (isV6 ? `fd00:250:${n}::${n}` : `10.250.${n}.1`);
    const end = (n: number): Endpoint => [address(n), ports[n]!];
    return { kind, id, zone, src: end(0), dst: end(1), backend: end(2), seenSrc: end(3) };
  });

/** Damage: bytes set, cut off, inserted. */
const damage = fc.array(
  fc.record({ at: fc.nat(2000), byte: fc.nat(255), kind: fc.constantFrom('set', 'cut', 'insert') }),
  { maxLength: 6 },
);

test('the messages of a datagram are read as they are', () => {
  const addon = loadConntrack();
  fc.assert(
    fc.property(fc.array(connection, { minLength: 1, maxLength: 5 }), (connections) => {
      const bytes = Buffer.concat(connections.map((one) => conntrackMessage(one)));
      const into = new Uint8Array(CONNTRACK_RECORD.bytes * 8);
      const parsed = addon.conntrackParse(new Uint8Array(bytes), into);
      assert.deepEqual(parsed, { records: connections.length, malformed: 0, error: 0, done: false });
      assert.deepEqual(
        new Int32Array(into.buffer, 0, CONNTRACK_RECORD.words * connections.length),
        conntrackRecords(...connections),
      );
    }),
    { numRuns: 500 },
  );
});

test('what is no TCP or not translated is left out', () => {
  const addon = loadConntrack();
  const into = new Uint8Array(CONNTRACK_RECORD.bytes * 8);
  const src: Endpoint = ['10.0.0.1', 1];
  const dst: Endpoint = ['10.0.0.2', 2];
  const plain = conntrackMessage({ kind: 'new', id: 1, src, dst, backend: dst });
  const udp = conntrackMessage({ kind: 'new', id: 1, src, dst, backend: ['10.0.0.3', 3] }, 17);
  const parsed = addon.conntrackParse(new Uint8Array(Buffer.concat([plain, udp])), into);
  assert.deepEqual(parsed, { records: 0, malformed: 0, error: 0, done: false });
});

test('damaged messages neither crash nor write past the room, and what cannot be is counted', () => {
  const addon = loadConntrack();
  fc.assert(
    fc.property(
      fc.array(connection, { minLength: 1, maxLength: 5 }),
      damage,
      fc.nat(4),
      (connections, faults, room) => {
        let bytes = Buffer.concat(connections.map((one) => conntrackMessage(one)));
        for (const { at, byte, kind } of faults) {
          const place = at % Math.max(1, bytes.length);
          if (kind === 'set') bytes[place] = byte;
          else if (kind === 'cut') bytes = bytes.subarray(0, place + 1);
          else bytes = Buffer.concat([bytes.subarray(0, place), Buffer.of(byte), bytes.subarray(place)]);
        }
        const guard = 0xa5;
        const into = new Uint8Array(CONNTRACK_RECORD.bytes * (room + 3)).fill(guard);
        const part = into.subarray(0, CONNTRACK_RECORD.bytes * (room + 1));
        const { records, malformed } = addon.conntrackParse(new Uint8Array(bytes), part);
        assert.ok(records <= room + 1 && records >= 0 && malformed >= 0);
        assert.ok(into.subarray(CONNTRACK_RECORD.bytes * records).every((byte) => byte === guard));
      },
    ),
    { numRuns: 5000 },
  );
});

test('bytes that are no messages at all give nothing', () => {
  const addon = loadConntrack();
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (bytes) => {
      const parsed = addon.conntrackParse(bytes, new Uint8Array(CONNTRACK_RECORD.bytes * 4));
      assert.ok(parsed.records <= 4);
    }),
    { numRuns: 3000 },
  );
});
