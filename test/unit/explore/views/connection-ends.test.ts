/** Both ends of a connection whose addresses are translated between them, in the views. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Cell } from '../../../../explore/cells.ts';
import { at, clientRow, FixtureLake, type Row, serverRow } from '../fixture-lake.ts';

describe('the views, where an address is translated between the ends', () => {
  let fixture: FixtureLake;
  beforeEach(async () => {
    fixture = await FixtureLake.make();
  });
  afterEach(() => fixture.remove());

  const ask = (rows: readonly Row[], sql: string): Promise<Record<string, Cell>[]> => fixture.ask(rows, sql);
  const one = (rows: readonly Row[], sql: string): Promise<Record<string, Cell>> => fixture.one(rows, sql);
  const interim = (row: Row): Row => ({ ...row, report: 'interim', connection_count: 0, outcome: 'open' });

  const asked = {
    dst_addr: '10.96.0.1',
    dst_port: 443,
    dst_workload: 'cart',
    dst_method: 'address',
    dst_reason: null,
  };
  const atNode = { src_addr: '10.9.9.9', src_port: 50_505 };
  const behind = { dst_nat_addr: '10.0.0.2', dst_nat_port: 80, nat_source: 'conntrack' };
  const before = { dst_nat_addr: '10.96.0.1', dst_nat_port: 443, nat_source: 'conntrack' };
  const masked = { src_nat_addr: '10.9.9.9', src_nat_port: 50_505 };
  const unmasked = { src_nat_addr: '10.0.0.1', src_nat_port: 40_000 };
  const columns = 'reported_by, src_addr, src_port, dst_addr, dst_port, src_nat_addr, dst_nat_addr, nat_source';
  const whole = {
    ...{ reported_by: 'both', src_addr: '10.0.0.1', src_port: 40_000, dst_addr: '10.96.0.1', dst_port: 443 },
    ...{ src_nat_addr: null, dst_nat_addr: '10.0.0.2', nat_source: 'conntrack' },
  };
  const question = `SELECT ${columns} FROM connections`;

  it('make one connection of both ends when the caller\u2019s node tells', async () => {
    assert.deepEqual(await one([clientRow({ ...asked, ...behind }), serverRow()], question), whole);
  });

  it('make one connection of both ends when both nodes tell, behind a node\u2019s address too', async () => {
    const client = clientRow({ ...asked, ...behind, ...masked });
    const server = serverRow({ ...atNode, ...before, ...unmasked });
    assert.deepEqual(await one([client, server], question), { ...whole, src_nat_addr: '10.9.9.9' });
  });

  it('make one connection of both ends when only the called end\u2019s node tells, and take the backend from there', async () => {
    const service = { dst_workload: 'web-service', dst_method: 'service' };
    const client = clientRow({ ...asked, ...service });
    const server = serverRow({ ...atNode, ...before, ...unmasked });
    const told = { ...whole, src_nat_addr: '10.9.9.9', nat_source: 'peer_report', dst_workload: 'cart' };
    assert.deepEqual(await one([client, server], `SELECT ${columns}, dst_workload FROM connections`), told);
  });

  it('do not join a caller with one of two ends that its address and port led to', async () => {
    const rows = [
      clientRow({ ...asked, dst_workload: null, dst_method: 'service' }),
      serverRow(before),
      serverRow({ ...before, dst_addr: '10.0.0.3', connection_id: 3, dst_instance_uid: 'cart-2' }),
    ];
    const answer = await ask(rows, 'SELECT reported_by FROM connections ORDER BY ALL');
    assert.deepEqual(
      answer.map((row) => row['reported_by']),
      ['dst', 'dst', 'src'],
    );
  });

  it('keep the rows of a connection together of which only a later one knows the translation', async () => {
    const rows = [
      interim(clientRow({ ...asked, end_time: at(500) })),
      clientRow({ ...asked, ...behind, start_time: at(500) }),
      serverRow(),
    ];
    const c = await one(rows, 'SELECT reported_by, bytes_to_dst, dst_nat_addr FROM connections');
    assert.deepEqual(c, { reported_by: 'both', bytes_to_dst: 200, dst_nat_addr: '10.0.0.2' });
  });
});
