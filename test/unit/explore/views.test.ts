import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { openLake } from '../../../explore/lake.ts';
import { queryAll } from '../../../explore/query.ts';
import type { Cell } from '../../../explore/cells.ts';
import { readFolderStore } from '../../../sink/store/folder.ts';
import { at, clientRow, FixtureLake, type Row, serverRow } from './fixture-lake.ts';

describe('the views', () => {
  let fixture: FixtureLake;
  beforeEach(async () => {
    fixture = await FixtureLake.make();
  });
  afterEach(() => fixture.remove());

  const ask = (rows: readonly Row[], sql: string): Promise<Record<string, Cell>[]> => fixture.ask(rows, sql);
  const one = (rows: readonly Row[], sql: string): Promise<Record<string, Cell>> => fixture.one(rows, sql);

  const interim = (row: Row): Row => ({ ...row, report: 'interim', connection_count: 0, outcome: 'open' });

  it('make one connection of both ends, each end from the row that knows it best', async () => {
    const c = await one([clientRow(), serverRow()], 'SELECT * FROM connections');
    assert.equal(c['reported_by'], 'both');
    assert.equal(c['counted'], true);
    assert.equal(c['connection_count'], 1);
    assert.deepEqual([c['src_workload'], c['src_method']], ['web', 'local']);
    assert.deepEqual([c['dst_workload'], c['dst_method'], c['dst_reason']], ['cart', 'local', null]);
    assert.deepEqual([c['bytes_to_dst'], c['bytes_to_src']], [100, 1000]);
    assert.deepEqual([c['src_retransmitted_segments'], c['dst_retransmitted_segments']], [1, 3]);
    assert.deepEqual([c['src_process_name'], c['dst_process_name']], ['web', 'cart']);
  });

  it('make one connection of one end, whichever it is', async () => {
    const alone = await one([serverRow({ peer_reports: false })], 'SELECT * FROM connections');
    assert.deepEqual([alone['reported_by'], alone['counted'], alone['dst_workload']], ['dst', true, 'cart']);
  });

  it('do not count the row of a server whose client reports too and was lost', async () => {
    const alone = await one([serverRow({ peer_reports: true })], 'SELECT * FROM connections');
    assert.deepEqual([alone['reported_by'], alone['counted']], ['dst', false]);
  });

  it('fold interim rows and the final one into one connection, with their deltas added', async () => {
    const rows = [
      interim(clientRow({ end_time: at(1000), duration_us: 1_000_000 })),
      interim(
        clientRow({ start_time: at(1000), end_time: at(2000), duration_us: 2_000_000, connect_us: null, rtt_us: 250 }),
      ),
      clientRow({ start_time: at(2000), end_time: at(2500), duration_us: 2_500_000, connect_us: null, rtt_us: null }),
      interim(serverRow({ end_time: at(1001) })),
      serverRow({ start_time: at(1001), end_time: at(2501), duration_us: 2_500_000 }),
    ];
    const c = await one(rows, 'SELECT * FROM connections');
    assert.equal(c['reported_by'], 'both');
    assert.equal(c['outcome'], 'closed');
    assert.equal(c['connection_count'], 1);
    assert.deepEqual([c['bytes_to_dst'], c['bytes_to_src']], [300, 3000]);
    assert.deepEqual([c['connect_us'], c['src_rtt_us'], c['duration_us']], [150, 250, 2_500_000]);
  });

  it('leave a connection open that only interim rows tell of', async () => {
    const c = await one([interim(clientRow())], 'SELECT outcome, connection_count FROM connections');
    assert.deepEqual(c, { outcome: 'open', connection_count: 0 });
  });

  it('keep connections apart that used the same ports one right after the other', async () => {
    const second = { start_time: at(1200), connection_start_time: at(1200), end_time: at(1900) };
    const secondServer = { start_time: at(1201), connection_start_time: at(1201), end_time: at(1901) };
    const rows = [
      clientRow(),
      serverRow(),
      clientRow({ ...second, connection_id: 3, bytes_to_dst: 7 }),
      serverRow({ ...secondServer, connection_id: 4, bytes_to_dst: 7 }),
    ];
    const answer = await ask(
      rows,
      'SELECT reported_by, bytes_to_dst, src_connection_id, dst_connection_id FROM connections ORDER BY start_time',
    );
    assert.deepEqual(answer, [
      { reported_by: 'both', bytes_to_dst: 100, src_connection_id: 1, dst_connection_id: 2 },
      { reported_by: 'both', bytes_to_dst: 7, src_connection_id: 3, dst_connection_id: 4 },
    ]);
  });

  it('do not pair the end of one connection with the beginning of another where a row is missing between', async () => {
    const second = { start_time: at(1200), connection_start_time: at(1200), end_time: at(1900), connection_id: 3 };
    const secondServer = { ...second, start_time: at(1201), connection_start_time: at(1201), connection_id: 4 };
    const answer = await ask(
      [serverRow(), clientRow(second), serverRow(secondServer)],
      'SELECT reported_by, dst_connection_id FROM connections ORDER BY start_time',
    );
    assert.deepEqual(answer, [
      { reported_by: 'dst', dst_connection_id: 2 },
      { reported_by: 'both', dst_connection_id: 4 },
    ]);
  });

  it('keep the same tuple in two networks apart', async () => {
    const answer = await ask(
      [clientRow(), serverRow({ dst_network: 'other' })],
      'SELECT reported_by FROM connections ORDER BY reported_by',
    );
    assert.deepEqual(answer, [{ reported_by: 'dst' }, { reported_by: 'src' }]);
  });

  it('keep the same loopback tuple on two nodes apart, and pair it on one', async () => {
    const loop: Row = {
      src_addr: '127.0.0.1',
      dst_addr: '127.0.0.1',
      src_addr_scope: 'loopback',
      dst_addr_scope: 'loopback',
      dst_instance_uid: 'x',
      dst_workload: 'x',
      dst_method: 'peer',
      dst_reason: null,
    };
    const rows = [
      clientRow(loop),
      serverRow({ ...loop, reporter_node: 'node-a', dst_method: 'local' }),
      clientRow({ ...loop, reporter_node: 'node-c', ring_id: 'ring-c' }),
    ];
    const answer = await ask(rows, 'SELECT reported_by FROM connections ORDER BY reported_by');
    assert.deepEqual(answer, [{ reported_by: 'both' }, { reported_by: 'src' }]);
  });

  it('keep two failed attempts on one socket apart', async () => {
    const failed = clientRow({ report: 'failed', outcome: 'refused', error: 'ECONNREFUSED', peer_reports: false });
    const answer = await ask(
      [failed, { ...failed, start_time: at(5), end_time: at(6) }],
      'SELECT outcome, error FROM connections',
    );
    assert.deepEqual(answer, [
      { outcome: 'refused', error: 'ECONNREFUSED' },
      { outcome: 'refused', error: 'ECONNREFUSED' },
    ]);
  });

  it('pair ends of unknown role, which agree on the greater address', async () => {
    // 10.0.0.2:80 is the greater: both rows call it src.
    const turned = {
      src_addr: '10.0.0.2',
      src_port: 80,
      dst_addr: '10.0.0.1',
      dst_port: 40_000,
      role_method: 'unknown',
    };
    const rows = [clientRow({ ...turned, reporter: 'dst' }), serverRow({ ...turned, reporter: 'src' })];
    const c = await one(rows, 'SELECT reported_by, role_method, src_addr, counted FROM connections');
    assert.deepEqual(c, { reported_by: 'both', role_method: 'unknown', src_addr: '10.0.0.2', counted: true });
  });

  it('turn the row of unknown role where the other end saw the handshake, and count the connection once', async () => {
    const unknown = serverRow({
      src_addr: '10.0.0.2',
      src_port: 80,
      dst_addr: '10.0.0.1',
      dst_port: 40_000,
      reporter: 'src',
      role_method: 'unknown',
      seeded: true,
      connection_start_time: null,
      src_network: 'net',
      src_namespace: 'shop',
      src_workload: 'cart',
      src_method: 'local',
      src_reason: null,
      dst_network: null,
      dst_workload: null,
      dst_method: 'none',
      dst_reason: 'no_claim',
      bytes_to_dst: 1000,
      bytes_to_src: 100,
      outcome: 'reset_by_src',
    });
    const rows = [clientRow({ outcome: 'reset_by_dst' }), unknown];
    const answer = await ask(
      rows,
      'SELECT src_workload, dst_workload, outcome, dst_outcome, bytes_to_dst, role_method FROM connections',
    );
    assert.deepEqual(answer, [
      {
        src_workload: 'web',
        dst_workload: 'cart',
        outcome: 'reset_by_dst',
        dst_outcome: 'reset_by_dst',
        bytes_to_dst: 100,
        role_method: 'handshake',
      },
    ]);
    const lake = await openLake({ store: readFolderStore(fixture.folder) });
    const edges = await queryAll(
      lake,
      'SELECT src_workload, dst_workload, connections, resets, bytes_to_dst, bytes_to_src, dst_port FROM edges',
    );
    lake.close();
    assert.deepEqual(edges, [
      {
        src_workload: 'web',
        dst_workload: 'cart',
        connections: 1,
        resets: 1,
        bytes_to_dst: 100,
        bytes_to_src: 1000,
        dst_port: 80,
      },
    ]);
  });

  it('show merged rows as they are', async () => {
    const merged = clientRow({
      report: 'merged',
      connection_count: 40,
      src_port: null,
      dst_port: null,
      connection_id: null,
      duration_us: null,
      bytes_to_dst: 4000,
    });
    const c = await one([merged], 'SELECT connection_count, merged, counted, src_workload FROM connections');
    assert.deepEqual(c, { connection_count: 40, merged: true, counted: true, src_workload: 'web' });
  });

  it('count in edges each connection once: both ends, one end, interim and final, merged', async () => {
    const rows = [
      clientRow(),
      serverRow(),
      clientRow({
        src_port: 40_001,
        connection_id: 5,
        peer_reports: false,
        dst_workload: 'cart',
        dst_namespace: 'shop',
        dst_method: 'local',
        dst_network: 'net',
        dst_workload_kind: 'Deployment',
        dst_reason: null,
      }),
      interim(clientRow({ src_port: 40_002, connection_id: 6 })),
      clientRow({ src_port: 40_002, connection_id: 6, start_time: at(1000), end_time: at(2000) }),
      serverRow({ src_port: 40_002, connection_id: 7, end_time: at(2001) }),
      serverRow({ src_port: 40_003, connection_id: 8, src_addr: '10.9.9.9', peer_reports: false }),
    ];
    const answer = await ask(
      rows,
      'SELECT src_workload, dst_workload, sum(connections)::bigint n, sum(bytes_to_dst)::bigint b, sum(dst_retransmitted_segments)::bigint r FROM edges GROUP BY ALL ORDER BY n DESC',
    );
    assert.deepEqual(answer, [
      { src_workload: 'web', dst_workload: 'cart', n: 3, b: 400, r: 6 },
      { src_workload: null, dst_workload: 'cart', n: 1, b: 100, r: 3 },
    ]);
    const lake = await openLake({ store: readFolderStore(fixture.folder) });
    const [rule] = await queryAll(
      lake,
      "SELECT sum(connection_count)::bigint n, sum(bytes_to_dst)::bigint b FROM flows WHERE reporter = 'src' OR NOT peer_reports",
    );
    const [edges] = await queryAll(lake, 'SELECT sum(connections)::bigint n, sum(bytes_to_dst)::bigint b FROM edges');
    lake.close();
    assert.deepEqual(edges, rule);
  });

  it('put the bytes of a long connection into the minutes that its rows report', async () => {
    const rows = [
      interim(clientRow({ end_time: at(20_000), bytes_to_dst: 1 })),
      interim(clientRow({ start_time: at(20_000), end_time: at(80_000), bytes_to_dst: 10 })),
      clientRow({ start_time: at(80_000), end_time: at(130_000), bytes_to_dst: 100 }),
    ];
    const answer = await ask(rows, 'SELECT minute, connections, bytes_to_dst FROM edges ORDER BY minute');
    assert.deepEqual(answer, [
      { minute: '2026-01-02T10:30:00.000000Z', connections: 0, bytes_to_dst: 1 },
      { minute: '2026-01-02T10:31:00.000000Z', connections: 0, bytes_to_dst: 10 },
      { minute: '2026-01-02T10:32:00.000000Z', connections: 1, bytes_to_dst: 100 },
    ]);
  });

  it('give VPC rows by direction, with the reporting end as the interface', async () => {
    const answer = await ask(
      [clientRow({ src_account_id: '12', segments_to_src: 0, bytes_to_src: 0 })],
      'SELECT srcaddr, dstport, packets, bytes, "start", "end", flow_direction, account_id, type FROM vpc_flow_log',
    );
    assert.deepEqual(answer, [
      {
        srcaddr: '10.0.0.1',
        dstport: 80,
        packets: 5,
        bytes: 100,
        start: 1_767_349_800,
        end: 1_767_349_801,
        flow_direction: 'egress',
        account_id: '12',
        type: 'IPv4',
      },
    ]);
  });

  it('give OCSF events that say whether the roles are known', async () => {
    const rows = [
      clientRow(),
      serverRow({ role_method: 'unknown', outcome: 'reset_by_dst' }),
      clientRow({ report: 'failed', outcome: 'timed_out' }),
    ];
    const answer = await ask(
      rows,
      'SELECT class_uid, type_uid, activity_name, is_src_dst_assignment_known k, observation_point_id o, status_id, connection_info.direction_id d, src_endpoint.ip ip FROM ocsf_network_activity ORDER BY metadata.sequence',
    );
    assert.deepEqual(answer, [
      { class_uid: 4001, type_uid: 400102, activity_name: 'Close', k: true, o: 1, status_id: 1, d: 2, ip: '10.0.0.1' },
      { class_uid: 4001, type_uid: 400103, activity_name: 'Reset', k: false, o: 2, status_id: 1, d: 0, ip: '10.0.0.1' },
      { class_uid: 4001, type_uid: 400104, activity_name: 'Fail', k: true, o: 1, status_id: 2, d: 2, ip: '10.0.0.1' },
    ]);
  });
});
