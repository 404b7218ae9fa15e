import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Cell } from '../../../explore/cells.ts';
import { type Lake, openLake } from '../../../explore/lake.ts';
import { bindPack, firstHourOf, listPack, loadPack, type PackValues } from '../../../explore/pack.ts';
import { queryAll } from '../../../explore/query.ts';
import { readFolderStore } from '../../../sink/store/folder.ts';
import { at, clientRow, FixtureLake, loss, type Row, serverRow } from './fixture-lake.ts';

const known: Row = {
  dst_workload: 'cart',
  dst_namespace: 'shop',
  dst_network: 'net',
  dst_method: 'address',
  dst_reason: null,
  peer_reports: false,
};

/** One connection of each kind that the pack asks after. */
const ROWS: readonly Row[] = [
  clientRow(),
  serverRow(),
  clientRow({
    ...known,
    connection_id: 10,
    src_port: 1,
    report: 'failed',
    outcome: 'refused',
    error: 'ECONNREFUSED',
    rtt_us: null,
    rtt_min_us: null,
    connect_us: null,
    bytes_to_dst: 0,
    bytes_to_src: 0,
    retransmitted_segments: 0,
    segments_to_src: 1,
    segments_to_dst: 1,
  }),
  clientRow({
    ...known,
    connection_id: 11,
    src_port: 2,
    outcome: 'reset_by_dst',
    retransmitted_segments: 0,
    duration_us: 9000,
  }),
  clientRow({
    ...known,
    connection_id: 12,
    src_port: 3,
    dst_workload: 'queue',
    rtt_us: 90_000,
    rtt_min_us: 1000,
    retransmitted_segments: 0,
    duration_us: 90_000_000,
  }),
  clientRow({
    ...known,
    connection_id: 13,
    src_port: 4,
    dst_workload: 'sleepy',
    busy_us: 1000,
    rwnd_limited_us: 900,
    retransmitted_segments: 0,
    rtt_us: 20_000,
  }),
  clientRow({
    connection_id: 14,
    src_port: 5,
    dst_addr: '8.8.8.8',
    dst_port: 443,
    dst_addr_scope: 'public',
    dst_reason: 'no_claim',
    dst_as_org: 'GOOGLE',
    dst_country: 'US',
    peer_reports: false,
    start_time: at(-60_000),
    connection_start_time: at(-60_000),
    end_time: at(-50_000),
    bytes_to_dst: 5000,
    retransmitted_segments: 0,
  }),
  clientRow({
    connection_id: 15,
    src_port: 6,
    dst_addr: '8.8.8.8',
    dst_port: 443,
    dst_addr_scope: 'public',
    dst_reason: 'no_claim',
    dst_as_org: 'GOOGLE',
    dst_country: 'US',
    peer_reports: false,
    bytes_to_dst: 5000,
    retransmitted_segments: 0,
  }),
  clientRow({
    connection_id: 16,
    src_port: 7,
    dst_addr: '10.77.0.1',
    dst_port: 22,
    dst_reason: 'no_claim',
    peer_reports: false,
    retransmitted_segments: 0,
  }),
];

const CLAIM: Row = { network: 'net', addr: '10.0.0.1', prefix_length: 32, method: 'address', claimed_by: 'node-a' };

describe('the query pack', () => {
  let fixture: FixtureLake;
  let lake: Lake;
  before(async () => {
    fixture = await FixtureLake.make();
    await fixture.append(
      'flows',
      ROWS.map((row, index) => ({ ...row, flow_number: index })),
      { losses: [loss(4), loss(3), loss(2, 'ring-a', 'overload')] },
    );
    await fixture.append('ownership', [
      { ...CLAIM, workload: 'web', instance_uid: 'web-1', valid_from: at(0), valid_to: at(5000) },
      { ...CLAIM, workload: 'cart', instance_uid: 'cart-9', valid_from: at(6000) },
      { ...CLAIM, addr: '10.0.0.2', workload: 'cart', instance_uid: 'cart-1', valid_from: at(0) },
    ]);
    lake = await openLake({ store: readFolderStore(fixture.folder), threads: 1 });
  });
  after(() => {
    lake.close();
    fixture.remove();
  });
  const ask = (name: string, values: PackValues = {}): Promise<Record<string, Cell>[]> =>
    queryAll(lake, bindPack(loadPack(name), values));
  const pick = (rows: Record<string, Cell>[], ...names: string[]): Cell[][] =>
    rows.map((row) => names.map((name) => row[name] ?? null));

  it('has a title, a question and described parameters for every query, and every query runs', async () => {
    const all = listPack();
    assert.ok(all.length >= 12);
    for (const query of all) {
      assert.ok(query.title.length > 5 && query.question.endsWith('?'), query.name);
      const used = new Set([...query.sql.matchAll(/\$(\w+)/g)].map((match) => match[1]));
      used.delete('arrival');
      assert.deepEqual(used, new Set(query.parameters.map((parameter) => parameter.name)), query.name);
      await queryAll(lake, bindPack(query, {}));
    }
  });

  it('failures: which fail, how, and of how many', async () => {
    assert.deepEqual(
      pick(await ask('failures'), 'client', 'server', 'dst_port', 'outcome', 'error', 'connections', 'of_all'),
      [
        ['web', 'cart', 80, 'refused', 'ECONNREFUSED', 1, 3],
        ['web', 'cart', 80, 'reset_by_dst', null, 1, 3],
      ],
    );
  });

  it('slow: the slowest edges first, with what held them back', async () => {
    assert.deepEqual(pick((await ask('slow')).slice(0, 2), 'server', 'rtt_ms_p95', 'rtt_ms_min', 'why'), [
      ['queue', 90, 1, 'a queue on the way'],
      ['sleepy', 20, 0.1, 'the receiver reads slowly'],
    ]);
  });

  it('outside: the first time ever, also where a later connection lies in the window', async () => {
    assert.deepEqual(pick(await ask('outside'), 'client', 'dst_addr', 'what', 'first_time', 'connections'), [
      ['web', '10.77.0.1', 'unclaimed: no_claim', at(0).replace('Z', '000Z'), 1],
      ['web', '8.8.8.8', 'GOOGLE', at(-60_000).replace('Z', '000Z'), 2],
    ]);
    assert.deepEqual(pick(await ask('outside', { since: at(-1000) }), 'dst_addr'), [['10.77.0.1']]);
  });

  it('owners: who held an address one after the other, and at one time', async () => {
    assert.deepEqual(pick(await ask('owners'), 'addr', 'workload', 'owners_known'), [
      ['10.0.0.1', 'web', 2],
      ['10.0.0.1', 'cart', 2],
      ['10.0.0.2', 'cart', 1],
    ]);
    assert.deepEqual(pick(await ask('owners', { addr: '10.0.0.1', at: at(4000) }), 'workload'), [['web']]);
    assert.deepEqual(await ask('owners', { addr: '10.0.0.1', at: at(5500) }), []);
  });

  it('edges and top-talkers: bytes and connections by pair', async () => {
    assert.deepEqual(pick(await ask('edges', { limit: '1' }), 'client', 'server', 'connections', 'failed', 'resets'), [
      ['web', 'cart', 3, 1, 1],
    ]);
    const [top] = await ask('top-talkers', { limit: '1' });
    assert.deepEqual([top!['client'], top!['server'], top!['bytes']], ['web', 'GOOGLE', 12_000]);
  });

  it('resets: which side sent it', async () => {
    assert.deepEqual(pick(await ask('resets'), 'client', 'server', 'reset_by', 'connections', 'age_ms_median'), [
      ['web', 'cart', 'server', 1, 9],
    ]);
  });

  it('unattributed: ends by reason', async () => {
    assert.deepEqual(pick(await ask('unattributed'), 'reason', 'side', 'addr_scope', 'row_count', 'for_example'), [
      ['no_claim', 'dst', 'public', 2, '8.8.8.8'],
      ['ambiguous', 'dst', 'private', 1, '10.0.0.2'],
      ['no_claim', 'dst', 'private', 1, '10.77.0.1'],
      ['no_claim', 'src', 'private', 1, '10.0.0.1'],
    ]);
  });

  it('losses: sums by stage and reason', async () => {
    assert.deepEqual(pick(await ask('losses'), 'stage', 'reason', 'reporter_node', 'flows'), [
      ['kernel', 'ring_full', 'node-a', 7],
      ['kernel', 'overload', 'node-a', 2],
    ]);
  });

  it('retransmits: by direction', async () => {
    assert.deepEqual(
      pick(await ask('retransmits'), 'client', 'server', 'retransmitted_to_server', 'retransmitted_to_client'),
      [['web', 'cart', 1, 3]],
    );
  });

  it('long-lived: the oldest first', async () => {
    assert.deepEqual(pick(await ask('long-lived', { limit: '1' }), 'server', 'age_seconds'), [['queue', 90]]);
  });

  it('methods: shares of the ends', async () => {
    assert.deepEqual(pick(await ask('methods'), 'method', 'ends', 'percent'), [
      ['local', 9, 50],
      ['none', 5, 27.8],
      ['address', 4, 22.2],
    ]);
  });

  it('keeps to its window of time', async () => {
    assert.deepEqual(await ask('methods', { since: at(3_600_000) }), []);
    assert.deepEqual(pick(await ask('methods', { until: at(-1000) }), 'method', 'ends'), [
      ['local', 1],
      ['none', 1],
    ]);
  });

  it('binds values as literals: quotes do not end a text, and wrong kinds are refused', async () => {
    assert.deepEqual(await ask('owners', { addr: "x' OR '1' = '1" }), []);
    const owners = loadPack('owners');
    assert.throws(() => bindPack(owners, { limit: '1; DROP' }), {
      code: 'WEIR_EXPLORE_QUERY',
      message: /limit is "1; DROP"/,
    });
    assert.throws(() => bindPack(owners, { at: 'yesterday' }), {
      code: 'WEIR_EXPLORE_QUERY',
      message: /at is "yesterday"/,
    });
    assert.throws(() => bindPack(owners, { nothing: '1' }), { code: 'WEIR_EXPLORE_QUERY', message: /addr, at, limit/ });
    assert.throws(() => loadPack('nothing'), { code: 'WEIR_EXPLORE_QUERY', message: /failures/ });
  });

  it('adds an hour of slack to the hours of arrival, also over midnight', () => {
    const sql = bindPack(loadPack('methods'), { since: '2026-01-02T00:10:00Z', until: '2026-01-02 23:30' });
    assert.match(
      sql,
      /\(dt > '2026-01-01' OR \(dt = '2026-01-01' AND hour >= 23\)\) AND \(dt < '2026-01-03' OR \(dt = '2026-01-03' AND hour <= 0\)\)/,
    );
    assert.deepEqual(firstHourOf({ since: '2026-01-02T00:10:00Z' }, loadPack('methods')), {
      dt: '2026-01-01',
      hour: 23,
    });
    assert.equal(firstHourOf({ since: '2026-01-02T00:10:00Z' }, loadPack('outside')), undefined);
  });
});
