import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MeterRegistry } from '../../../../contract/meter-registry.ts';
import { Method, NatSource } from '../../../../schemas/generated/common.ts';
import { FLOW_KIND_INTERIM, FLOW_ROLE_SERVER } from '../../../../schemas/generated/record-offsets.ts';
import { CapturedColumns, NO_OWNER } from '../../../../sidecar/captured-columns.ts';
import { coarsen } from '../../../../sidecar/coarsen.ts';
import { translationsOf } from '../../../../sidecar/conntrack/batch-translations.ts';
import type { TranslationFeed } from '../../../../sidecar/conntrack/feed.ts';
import { exchangeTranslated } from '../../../../sidecar/conntrack/translated-ends.ts';
import { Translator } from '../../../../sidecar/conntrack/translate.ts';
import type { TranslationTable } from '../../../../sidecar/conntrack/translation-table.ts';
import { decodeRing } from '../../../../sidecar/decode.ts';
import type { NetworkNamespace } from '../../../../sidecar/host-view.ts';
import { LocalSockets } from '../../../../sidecar/local-sockets.ts';
import { OwnerTable } from '../../../../sidecar/owners.ts';
import { PairMemory } from '../../../../sidecar/pair-memory.ts';
import { Pairing } from '../../../../sidecar/pair.ts';
import { conntrackRecords, type TrackedConnection } from '../../../fixtures/conntrack-records.ts';
import { FakeHost, namespaceOf } from '../../../fixtures/fake-machine.ts';
import { flowRecord, ringBytes, type FlowFields } from '../../../fixtures/ring-bytes.ts';

const HERE = 4_026_531_840;
const VIP = ['10.96.0.1', 80] as const;
const NAMESPACES = [
  namespaceOf(HERE, ['10.9.0.1/24'], []),
  namespaceOf(1, ['10.0.0.1/24'], [11]),
  namespaceOf(2, ['10.0.0.2/24'], [22]),
];
/** All within the read at 2,100 ms: flow records end at 2,000 ms and began 1 ms before. */
const READ_MS = 2100;

class Machine implements TranslationFeed {
  readonly netns = HERE;
  readonly meter = new MeterRegistry();
  readonly translator = new Translator(this, this.meter);
  readonly columns = new CapturedColumns(4);
  readonly owners: OwnerTable;
  restarts = 0;
  #tracked: readonly TrackedConnection[] = [];

  constructor() {
    const host = new FakeHost('node-a', () => 0);
    for (const id of [11, 22]) host.paths.set(id, `/demo/w${id}`);
    this.owners = new OwnerTable(host);
  }

  poll(table: TranslationTable): void {
    table.apply(conntrackRecords(...this.#tracked), this.#tracked.length, (READ_MS - 200) * 1000, READ_MS * 1000);
    this.#tracked = [];
  }

  restart(): void {
    this.restarts += 1;
  }

  close(): void {
    assert.fail('the sidecar closes it');
  }

  sockets(namespaces: readonly NetworkNamespace[] = NAMESPACES): LocalSockets {
    return new LocalSockets({ startedUs: 0, finishedUs: 1, namespaces, listeners: [] }, this.owners, null);
  }

  take(tracked: readonly Partial<TrackedConnection>[], ...flows: readonly FlowFields[]): void {
    this.#tracked = tracked.map((one, i) => {
      const ends = { src: ['10.0.0.1', 40_000] as const, dst: VIP, backend: ['10.0.0.2', 8080] as const };
      return { kind: 'new' as const, id: i, ...ends, ...one };
    });
    decodeRing(ringBytes(flows.map((fields) => flowRecord(fields))), { bootToUnixUs: 0, jiffiesHz: 250 }, this.columns);
    this.owners.assign(this.columns, 0);
    this.translator.poll(READ_MS);
  }

  translations(): readonly string[] {
    const { natAddresses, translations } = translationsOf(this.columns, this.columns.length);
    const text = (index: number, port: number): string =>
      index < 0 ? '-' : `${natAddresses[index]!.addr.subarray(12).join('.')}:${port}`;
    return translations.map((t) => {
      assert.equal(t.source, NatSource.conntrack);
      return `${t.row} ${text(t.localAddr, t.localPort)} ${text(t.remoteAddr, t.remotePort)}`;
    });
  }
}

const client: FlowFields = { cgroupId: 11n, netns: 1, cookie: 1n, remote: VIP[0] };
const server: FlowFields = {
  ...{ cgroupId: 22n, netns: 2, cookie: 2n, local: '10.0.0.2', localPort: 8080, role: FLOW_ROLE_SERVER },
  ...{ remote: '10.9.0.1', remotePort: 50_000 },
};
const MASKED = { seenSrc: ['10.9.0.1', 50_000] as const };

test('a client’s row has what the server sees, a server’s row what the client asked for', () => {
  const machine = new Machine();
  machine.take([MASKED], client, server, { cookie: 3n, netns: 1, cgroupId: 11n });
  machine.translator.translate(machine.columns, machine.sockets());
  assert.deepEqual(machine.translations(), ['0 10.9.0.1:50000 10.0.0.2:8080', '1 10.96.0.1:80 10.0.0.1:40000']);
  assert.equal(machine.meter.total('weir_sidecar_translation_lookups_total'), 3);
  assert.equal(machine.meter.total('weir_sidecar_flows_translated_total'), 2);
});

test('both ends of a translated connection are partners, and keep the addresses that their sockets saw', () => {
  const machine = new Machine();
  machine.take([MASKED], client, server);
  const { columns } = machine;
  const sockets = machine.sockets();
  const before = columns.remoteAddr.slice();
  machine.translator.translate(columns, sockets);
  exchangeTranslated(columns);
  const pairing = new Pairing(new PairMemory());
  pairing.match(columns, sockets);
  pairing.settle(columns, columns.length, sockets);
  exchangeTranslated(columns);
  assert.deepEqual([...columns.remoteMethod.subarray(0, 2)], [Method.peer, Method.peer]);
  assert.deepEqual([columns.partner[0], columns.partner[1]], [columns.owner[1], columns.owner[0]]);
  assert.deepEqual(columns.remoteAddr, before);
  assert.deepEqual([columns.remotePort[0], columns.localPort[0]], [80, 40_000]);
  assert.deepEqual(machine.translations(), ['0 10.9.0.1:50000 10.0.0.2:8080', '1 10.96.0.1:80 10.0.0.1:40000']);
});

test('without the translation the two ends are no partners', () => {
  const machine = new Machine();
  machine.take([], client, server);
  const { columns } = machine;
  machine.translator.translate(columns, machine.sockets());
  exchangeTranslated(columns);
  new Pairing(new PairMemory()).match(columns, machine.sockets());
  assert.deepEqual([...columns.partner.subarray(0, 2)], [NO_OWNER, NO_OWNER]);
});

test('nothing is looked up where nothing is translated', () => {
  const machine = new Machine();
  machine.take([], client, server);
  machine.translator.translate(machine.columns, machine.sockets());
  assert.equal(machine.meter.total('weir_sidecar_translation_lookups_total'), 0);
});

test('an address that several namespaces of the machine have is not looked up, nor is loopback of another', () => {
  const machine = new Machine();
  const loopback = { src: ['127.0.0.1', 40_000] as const };
  machine.take([{}, { ...loopback, id: 9 }], client, { ...client, local: '127.0.0.1' });
  machine.translator.translate(machine.columns, machine.sockets([...NAMESPACES, namespaceOf(3, ['10.0.0.1/24'], [])]));
  assert.deepEqual(machine.translations(), []);
  const here = new Machine();
  here.take([loopback], { ...client, local: '127.0.0.1', netns: HERE });
  here.translator.translate(here.columns, here.sockets());
  assert.deepEqual(here.translations(), ['0 - 10.0.0.2:8080']);
});

test('a row is looked up once, before the first look at the machine not at all', () => {
  const machine = new Machine();
  machine.take([{}], client);
  machine.translator.translate(machine.columns, null);
  machine.translator.translate(machine.columns, machine.sockets());
  assert.deepEqual(machine.translations(), []);
  assert.equal(machine.meter.total('weir_sidecar_translation_lookups_total'), 0);
});

test('a clock that was set forgets what is known and asks for a new list', () => {
  const machine = new Machine();
  machine.take([{}], client);
  machine.translator.clockSet();
  machine.translator.translate(machine.columns, machine.sockets());
  assert.deepEqual([machine.translations(), machine.restarts], [[], 1]);
});

test('an open connection has its translation in each of its rows', () => {
  const machine = new Machine();
  machine.take([{}], { ...client, kind: FLOW_KIND_INTERIM });
  machine.translator.translate(machine.columns, machine.sockets());
  machine.columns.length = 0;
  machine.take([], client);
  machine.translator.translate(machine.columns, machine.sockets());
  assert.deepEqual(machine.translations(), ['0 - 10.0.0.2:8080']);
});

test('rows of an edge are merged by the address behind the translation, without its port', () => {
  const machine = new Machine();
  const from = (port: number): FlowFields => ({ ...client, localPort: port, cookie: BigInt(port) });
  const tracked = [1, 2, 3, 4].map((port) => ({
    src: ['10.0.0.1', port] as const,
    backend: [`10.0.7.${port % 2}`, 8080] as const,
  }));
  machine.take(tracked, ...[1, 2, 3, 4, 5].map(from));
  machine.translator.translate(machine.columns, machine.sockets());
  coarsen(machine.columns, 16);
  assert.deepEqual(machine.translations(), ['0 - 10.0.7.1:-1', '1 - 10.0.7.0:-1']);
  assert.deepEqual([...machine.columns.numbers.subarray(0, machine.columns.length)], [2, 2, 1]);
});
