import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchDictionaries } from '../../../enricher/dictionaries.ts';
import { Joiner, newEndCounts } from '../../../enricher/join.ts';
import { OwnershipHistory } from '../../../enricher/ownership/history.ts';
import { Method, METHOD_SYMBOLS, OUTCOME_SYMBOLS, REASON_SYMBOLS } from '../../../schemas/generated/common.ts';
import { EnrichedFlowColumns } from '../../../schemas/generated/flows-enriched-v1.ts';
import {
  address,
  ownership,
  rawBatch,
  type TestBatch,
  type TestClaim,
  type TestFlow,
  workload,
} from '../../fixtures/enricher-messages.ts';

const me = workload('me');
const you = workload('you');

interface Row {
  readonly src: string;
  readonly dst: string;
  readonly srcAddr: string;
  readonly ports: readonly number[];
  readonly reporter: number;
  readonly outcome: string;
  readonly bytes: readonly number[];
  readonly since: readonly number[];
  readonly peerReports: boolean;
  readonly service: string | null;
  readonly number: number;
}

function joined(
  claims: readonly TestClaim[],
  batch: Partial<TestBatch> & { flows: readonly TestFlow[] },
): { rows: Row[]; needs: number } {
  const history = new OwnershipHistory();
  history.apply(ownership({ seq: 0, kind: 'full', asOf: 1000, claims }), 1e9);
  const joiner = new Joiner(history);
  const raw = rawBatch({ workloads: [me, you], ...batch });
  const needs = joiner.look(raw).length;
  const out = new EnrichedFlowColumns(1);
  const dictionaries = new BatchDictionaries(history.workloads);
  joiner.write(raw, out, dictionaries, newEndCounts());
  const end = (owner = -1, method = 0, reason = 0): string =>
    owner < 0 ? `${REASON_SYMBOLS[reason]}` : `${METHOD_SYMBOLS[method]} ${dictionaries.workloads[owner]?.name}`;
  const rows = Array.from(
    { length: out.length },
    (_, i): Row => ({
      src: end(out.srcWorkload[i], out.srcMethod[i], out.srcReason[i]),
      dst: end(out.dstWorkload[i], out.dstMethod[i], out.dstReason[i]),
      srcAddr: Buffer.from(out.srcAddr.subarray(16 * i, 16 * i + 16)).toString('hex'),
      ports: [out.srcPort[i] ?? 0, out.dstPort[i] ?? 0],
      reporter: out.reporter[i] ?? 9,
      outcome: OUTCOME_SYMBOLS[out.outcome[i] ?? 0] ?? '',
      bytes: [out.bytesToDst[i] ?? 0, out.bytesToSrc[i] ?? 0],
      since: [out.srcSinceUs[i] ?? 0, out.dstSinceUs[i] ?? 0],
      peerReports: out.peerReports[i] === 1,
      service: dictionaries.services[out.dstService[i] ?? -1]?.name ?? null,
      number: out.flowNumber[i] ?? 0,
    }),
  );
  return { rows, needs };
}

const one = (claims: readonly TestClaim[], flow: Partial<TestFlow>, batch: Partial<TestBatch> = {}): Row => {
  const whole = {
    local: '10.0.0.1',
    remote: '10.0.0.2',
    start: 100,
    end: 200,
    localPort: 40_000,
    remotePort: 80,
    localWorkload: 0,
    ...flow,
  };
  const [row] = joined(claims, { ...batch, flows: [whole] }).rows;
  assert.ok(row);
  return row;
};

const hex = (text: string): string => Buffer.from(address(text)).toString('hex');
const remote: TestClaim = { addr: '10.0.0.2', who: you, from: 50 };

test('a client’s report has it as src, a server’s has the other end as src', () => {
  const client = one([remote], { role: 'client', outcome: 'resetByLocal' });
  assert.deepEqual(
    [client.src, client.dst, client.srcAddr, client.ports, client.reporter],
    ['local me', 'address you', hex('10.0.0.1'), [40_000, 80], 0],
  );
  assert.deepEqual([client.bytes, client.outcome], [[100, 200], 'reset_by_src']);
  const server = one([remote], { role: 'server', localPort: 80, remotePort: 40_000, outcome: 'resetByRemote' });
  assert.deepEqual(
    [server.src, server.dst, server.srcAddr, server.ports, server.reporter],
    ['address you', 'local me', hex('10.0.0.2'), [40_000, 80], 1],
  );
  assert.deepEqual([server.bytes, server.outcome], [[200, 100], 'reset_by_src']);
});

test('without a role both ends’ reports have the greater address and port as src', () => {
  const here = one([], { role: 'unknown' });
  const there = one([], { role: 'unknown', local: '10.0.0.2', remote: '10.0.0.1', localPort: 80, remotePort: 40_000 });
  assert.deepEqual([here.srcAddr, here.ports, here.reporter], [hex('10.0.0.2'), [80, 40_000], 1]);
  assert.deepEqual([there.srcAddr, there.ports, there.reporter], [hex('10.0.0.2'), [80, 40_000], 0]);
  const ports = one([], { role: 'unknown', remote: '10.0.0.1', localPort: 5, remotePort: 9 });
  assert.deepEqual(ports.ports, [9, 5]);
});

test('since is when the owner began to hold the address, for captured ends too where a claim tells', () => {
  const claims = [remote, { addr: '10.0.0.1', who: me, from: 20 }];
  assert.deepEqual(one(claims, {}).since, [20, 50]);
  assert.deepEqual(one([remote, { addr: '10.0.0.1', who: workload('other'), from: 20 }], {}).since, [-1, 50]);
});

test('an end that the capture did not know is looked up like the other', () => {
  assert.equal(one([{ addr: '10.0.0.1', who: me, from: 20 }], { localWorkload: -1 }).src, 'address me');
});

test('the other end that the capture saw is its own, and is reported twice', () => {
  const row = one([], { remoteWorkload: 1, remoteMethod: Method.peer });
  assert.deepEqual([row.dst, row.peerReports], ['peer you', true]);
  assert.equal(one([remote], {}).peerReports, true);
  assert.equal(one([], {}).peerReports, false);
});

test('loopback is never looked up in the history', () => {
  const { rows, needs } = joined([], { flows: [{ local: '127.0.0.1', remote: '127.0.0.1', start: 1, end: 5000 }] });
  assert.deepEqual([rows[0]?.src, rows[0]?.dst, needs], ['no_claim', 'no_claim', 0]);
  assert.equal(
    one([], { local: '127.0.0.1', remote: '127.0.0.1', remoteWorkload: 1, remoteMethod: Method.port }).dst,
    'port you',
  );
});

test('a listener’s claim names the server end, and never a client by its ephemeral port', () => {
  const claims = [{ ...remote, port: 80 }];
  assert.equal(one(claims, { role: 'client' }).dst, 'port you');
  const row = one(claims, { role: 'server', localPort: 80, remotePort: 80 });
  assert.deepEqual([row.src, row.peerReports], ['ambiguous', true]);
  const refused = one(claims, { role: 'client', remotePort: 81 });
  assert.deepEqual([refused.dst, refused.peerReports], ['no_claim', true]);
  assert.equal(one([{ ...claims[0]!, from: 500 }], { role: 'server', remotePort: 80 }).src, 'no_claim');
});

test('workloads that share an address make it ambiguous but for their listeners', () => {
  const shared = [remote, { addr: '10.0.0.2', who: workload('third'), from: 10 }, { ...remote, port: 80 }];
  const server = one(shared, { role: 'server', localPort: 80, remotePort: 51_000 });
  assert.deepEqual([server.src, server.peerReports], ['ambiguous', true]);
  assert.equal(one(shared, { role: 'client' }).dst, 'port you');
});

test('a Service is the owner where nobody more exact is known, and stands in its column', () => {
  const claims = [
    {
      addr: '10.96.0.1',
      port: 80,
      who: workload('shop', { kind: 'Service', namespace: 'web' }),
      from: 10,
      method: Method.service,
    },
  ];
  const row = one(claims, { remote: '10.96.0.1' });
  assert.deepEqual([row.dst, row.service, row.peerReports], ['service shop', 'shop', false]);
  const answered = one(claims, { remote: '10.96.0.1', role: 'server', remotePort: 80 });
  assert.equal(answered.service, null);
});

test('rows keep their numbers, and dictionaries of several batches are one', () => {
  const flow = { local: '10.0.0.1', remote: '10.0.0.2', start: 100, end: 200, localWorkload: 0 };
  const { rows } = joined([remote], {
    first: 1000,
    flows: [{ ...flow, numbers: 3 }, flow, { ...flow, localWorkload: 1 }],
  });
  assert.deepEqual(
    rows.map(({ number }) => number),
    [1000, 1003, 1004],
  );
  assert.deepEqual(
    rows.map(({ src, dst }) => [src, dst]),
    [
      ['local me', 'address you'],
      ['local me', 'address you'],
      ['local you', 'address you'],
    ],
  );
});

test('flows of one address at different times get the owner of their own', () => {
  const claims = [
    { ...remote, to: 300, latest: 350 },
    { addr: '10.0.0.2', who: me, from: 400 },
  ];
  const times = [
    [60, 70],
    [310, 320],
    [500, 600],
    [290, 410],
    [60, 61],
    [360, 370],
    [45, 55],
  ] as const;
  const flows = times.map(([start, end]) => ({ local: '10.0.0.1', remote: '10.0.0.2', start, end, localWorkload: 0 }));
  const owners = joined(claims, { flows }).rows.map(({ dst }) => dst);
  assert.deepEqual(owners, ['address you', 'gap', 'address me', 'ambiguous', 'address you', 'gap', 'gap']);
});

test('a network of which nobody has spoken is waited for', () => {
  const flow = { local: '10.0.0.1', remote: '10.0.0.2', start: 100, end: 200, localWorkload: 0 };
  const { rows, needs } = joined([remote], { network: 'elsewhere', flows: [flow] });
  assert.deepEqual([rows[0]?.dst, needs], ['hold_expired', 1]);
});
