import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchDictionaries } from '../../../enricher/dictionaries.ts';
import { Enricher, type EnrichResult } from '../../../enricher/enrich.ts';
import { Joiner, newEndCounts } from '../../../enricher/join.ts';
import { OwnershipHistory } from '../../../enricher/ownership/history.ts';
import { Method, METHOD_SYMBOLS, NatSource, REASON_SYMBOLS, ReporterKind } from '../../../schemas/generated/common.ts';
import { decodeEnrichedBatch, EnrichedFlowColumns } from '../../../schemas/generated/flows-enriched-v1.ts';
import {
  address,
  ownership,
  rawBatch,
  rawOut,
  type TestBatch,
  type TestClaim,
  workload,
} from '../../fixtures/enricher-messages.ts';

const me = workload('me');
const backend = workload('backend');
const service = workload('shop-web', { kind: 'Service', namespace: 'shop' });
const agent = workload('agent');

const VIP = '10.96.0.1';
const BACKEND = '10.0.1.2';
const NODE = '10.9.0.1';
const SERVICE: TestClaim = { addr: VIP, who: service, method: Method.service, from: 10 };
const POD: TestClaim = { addr: BACKEND, who: backend, from: 10 };
/** A program that shares the node's address, by its ports alone. */
const SHARED: TestClaim = { addr: NODE, port: 9100, who: agent, from: 10 };

interface Ends {
  readonly src: string;
  readonly dst: string;
  readonly service: string | null;
  readonly peerReports: boolean;
  readonly needs: number;
  readonly methods: Readonly<Record<string, number>>;
  readonly translations: readonly (readonly [string | null, number, string | null, number])[];
}

type Translation = TestBatch['translations'];

function joined(
  claims: readonly TestClaim[],
  batch: Partial<TestBatch>,
  flow: Partial<TestBatch['flows'][number]>,
): Ends {
  const history = new OwnershipHistory();
  history.apply(ownership({ seq: 0, kind: 'full', asOf: 1000, claims }), 1e9);
  const joiner = new Joiner(history);
  const whole = {
    ...{ local: '10.0.0.1', remote: VIP, start: 100, end: 200, localPort: 40_000, remotePort: 80, localWorkload: 0 },
    ...flow,
  };
  const raw = rawBatch({ workloads: [me, backend], ...batch, flows: [whole] });
  const needs = joiner.look(raw).length;
  const out = new EnrichedFlowColumns(1);
  const dictionaries = new BatchDictionaries(history.workloads);
  const counts = newEndCounts();
  joiner.write(raw, out, dictionaries, counts);
  const end = (owner = -1, method = 0, reason = 0): string =>
    owner < 0 ? `${REASON_SYMBOLS[reason]}` : `${METHOD_SYMBOLS[method]} ${dictionaries.workloads[owner]?.name}`;
  const text = (index: number): string | null =>
    index < 0 ? null : dictionaries.natAddresses[index]!.addr.subarray(12).join('.');
  return {
    src: end(out.srcWorkload[0], out.srcMethod[0], out.srcReason[0]),
    dst: end(out.dstWorkload[0], out.dstMethod[0], out.dstReason[0]),
    service: dictionaries.services[out.dstService[0] ?? -1]?.name ?? null,
    peerReports: out.peerReports[0] === 1,
    needs,
    methods: Object.fromEntries(
      METHOD_SYMBOLS.map((name, i) => [name, counts.byMethod[i] ?? 0]).filter(([, n]) => n !== 0),
    ),
    translations: dictionaries.translations.map((t) => [text(t.srcAddr), t.srcPort, text(t.dstAddr), t.dstPort]),
  };
}

const toBackend = (row = 0): NonNullable<Translation> => [
  { row, localAddr: -1, localPort: -1, remoteAddr: 0, remotePort: 8080, source: NatSource.conntrack },
];
/** A server's row: its client asked for the address of the Service, from an address of its own. */
const fromClient = (localAddr: number): NonNullable<Translation> => [
  {
    row: 0,
    localAddr,
    localPort: localAddr < 0 ? -1 : 80,
    remoteAddr: 0,
    remotePort: 40_000,
    source: NatSource.conntrack,
  },
];
const served = { role: 'server', local: BACKEND, remote: NODE, localPort: 8080, remotePort: 55_555 } as const;

test('the far end of a translated connection is who holds the address behind it, and the Service is told too', () => {
  const ends = joined([SERVICE, POD], { natAddresses: [BACKEND], translations: toBackend() }, {});
  assert.deepEqual([ends.src, ends.dst, ends.service], ['local me', 'address backend', 'shop-web']);
  assert.deepEqual(ends.translations, [[null, -1, BACKEND, 8080]]);
  assert.equal(ends.peerReports, true, 'the backend’s sidecar tells of it too');
});

test('without the translation the Service is all that is known, and no other row', () => {
  const ends = joined([SERVICE, POD], {}, {});
  assert.deepEqual([ends.dst, ends.service, ends.peerReports], ['service shop-web', 'shop-web', false]);
  assert.deepEqual(ends.translations, []);
});

test('where nobody holds the address behind, the Service is named, and counted as that', () => {
  const ends = joined([SERVICE], { natAddresses: [BACKEND], translations: toBackend() }, {});
  assert.deepEqual([ends.dst, ends.service], ['service shop-web', 'shop-web']);
  assert.deepEqual(ends.methods, { local: 1, service: 1 });
});

test('who holds the address before the translation is never named, though nobody is known behind it', () => {
  const other: TestClaim = { addr: VIP, who: agent, from: 10 };
  const ends = joined([other], { natAddresses: [BACKEND], translations: toBackend() }, {});
  assert.deepEqual([ends.dst, ends.service], ['no_claim', null]);
});

test('an end that the sidecar saw itself stays, with the Service that was asked for', () => {
  const flow = { remoteWorkload: 1, remoteMethod: Method.peer };
  const ends = joined([SERVICE], { natAddresses: [BACKEND], translations: toBackend() }, flow);
  assert.deepEqual([ends.dst, ends.service], ['peer backend', 'shop-web']);
});

test('a client behind the address of a node is who holds its own address, and not whoever lives on the node', () => {
  const claims = [SERVICE, SHARED, { addr: '10.0.0.1', who: me, from: 10 }];
  const batch = { natAddresses: ['10.0.0.1', VIP], translations: fromClient(1), workloads: [backend] };
  const ends = joined(claims, batch, served);
  assert.deepEqual([ends.src, ends.dst, ends.service], ['address me', 'local backend', 'shop-web']);
  assert.deepEqual(ends.translations, [['10.0.0.1', 40_000, VIP, 80]]);
});

test('a client behind the address of a node of which the translation is not known is ambiguous', () => {
  const ends = joined([SHARED], { workloads: [backend] }, served);
  assert.equal(ends.src, 'ambiguous');
  // Also where its port happens to be one that is listened on there.
  assert.equal(joined([SHARED], { workloads: [backend] }, { ...served, remotePort: 9100 }).src, 'ambiguous');
});

test('a client behind a node whose own address nobody holds has no owner', () => {
  const batch = { natAddresses: ['10.0.0.1'], translations: fromClient(-1), workloads: [backend] };
  assert.equal(joined([SHARED], batch, served).src, 'no_claim');
});

test('the join waits for whoever holds the address behind the translation', () => {
  const late = { natAddresses: [BACKEND], translations: toBackend() };
  assert.equal(joined([SERVICE, POD], late, { start: 900, end: 1100 }).needs > 0, true);
  assert.equal(joined([SERVICE, POD], late, { start: 900, end: 990 }).needs, 0);
});

test('a port that is listened on behind the translation names who listens there', () => {
  const ports: TestClaim[] = [
    { addr: NODE, port: 8080, who: backend, from: 10 },
    { addr: NODE, port: 8081, who: agent, from: 10 },
  ];
  const ends = joined([SERVICE, ...ports], { natAddresses: [NODE], translations: toBackend() }, {});
  assert.equal(ends.dst, 'port backend');
});

/** What the whole enricher makes of it. */
function enriched(batch: TestBatch, mode: 'keep' | 'truncate' | 'drop' = 'keep'): EnrichResult {
  const history = new OwnershipHistory();
  history.apply(
    ownership({ seq: 0, kind: 'full', asOf: 1000, claims: [SERVICE], reporterKind: ReporterKind.watcher }),
    1e9,
  );
  const { value, headers } = rawOut(batch);
  const input = { offset: 0, appendMs: 1, headers, value, force: true, oversize: false };
  const provenance = { rawTopicId: 'r', rawPartition: 0, ownershipTopicId: 'o', ownershipNext: 1 };
  return new Enricher(history, mode).enrich([input], provenance);
}

const flow = { local: '10.0.0.1', remote: VIP, start: 100, end: 200 };

test('a translation that points at no row or address sends its message to the dead letters', () => {
  const good = toBackend()[0]!;
  const bad: NonNullable<Translation>[] = [
    [{ ...good, row: 1 }],
    [{ ...good, row: -1 }],
    [good, good],
    [{ ...good, remoteAddr: 1 }],
    [{ ...good, localAddr: -2 }],
    [{ ...good, remotePort: 65_536 }],
  ];
  for (const translations of bad) {
    const { refused } = enriched({ flows: [flow], natAddresses: [BACKEND], translations });
    assert.deepEqual(
      refused.map(({ code }) => code),
      ['WEIR_SCHEMA_INVALID'],
      JSON.stringify(translations),
    );
  }
});

test('public addresses behind a translation are cut or dropped like the others', () => {
  const batch = { flows: [flow], natAddresses: ['93.184.216.34'], translations: toBackend() };
  const addr = (mode: 'keep' | 'truncate' | 'drop'): Uint8Array =>
    decodeEnrichedBatch(enriched(batch, mode).enriched[0]!.bytes).natAddresses[0]!.addr;
  assert.deepEqual(addr('keep'), address('93.184.216.34'));
  assert.deepEqual(addr('truncate'), address('93.184.216.0'));
  assert.deepEqual(addr('drop'), new Uint8Array(16));
});
