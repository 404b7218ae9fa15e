import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Lake, openLake } from '../../../explore/lake.ts';
import { renderMap } from '../../../explore/map.ts';
import { topEdges, WHOLE_LAKE } from '../../../explore/top.ts';
import { readFolderStore } from '../../../sink/store/folder.ts';
import { clientRow, FixtureLake, type Row, serverRow, T0 } from './fixture-lake.ts';

const known: Row = {
  dst_workload: 'cart',
  dst_namespace: 'shop',
  dst_network: 'net',
  dst_method: 'address',
  dst_reason: null,
  peer_reports: false,
};

describe('the busiest edges', () => {
  let fixture: FixtureLake;
  let lake: Lake;
  before(async () => {
    fixture = await FixtureLake.make();
    const rows = [
      clientRow(),
      serverRow(),
      clientRow({
        ...known,
        connection_id: 3,
        src_port: 3,
        report: 'failed',
        outcome: 'refused',
        rtt_us: null,
        bytes_to_dst: 0,
        bytes_to_src: 0,
      }),
      clientRow({
        ...known,
        connection_id: 4,
        src_port: 4,
        dst_workload: 'store',
        dst_port: 5432,
        bytes_to_dst: 2_000_000,
        rtt_us: 90_000,
      }),
      clientRow({
        ...known,
        connection_id: 5,
        src_port: 5,
        src_workload: 'job',
        src_namespace: null,
        dst_workload: null,
        dst_method: 'none',
        dst_addr_scope: 'public',
        dst_port: 443,
        bytes_to_dst: 1,
      }),
    ];
    await fixture.append(
      'flows',
      rows.map((row, index) => ({ ...row, flow_number: index })),
    );
    lake = await openLake({ store: readFolderStore(fixture.folder), threads: 1 });
  });
  after(() => {
    lake.close();
    fixture.remove();
  });

  it('are ordered by what is asked for', async () => {
    const first = async (order: Parameters<typeof topEdges>[2]): Promise<string> => {
      const [edge] = await topEdges(lake, WHOLE_LAKE, order, 1);
      return `${edge!.client} ${edge!.server}:${edge!.port}`;
    };
    assert.equal(await first('bytes'), 'shop/web shop/store:5432');
    assert.equal(await first('connections'), 'shop/web shop/cart:80');
    assert.equal(await first('failed'), 'shop/web shop/cart:80');
    assert.equal(await first('retransmits'), 'shop/web shop/cart:80');
    assert.equal(await first('rtt'), 'shop/web shop/store:5432');
  });

  it('keep to the window', async () => {
    assert.equal((await topEdges(lake, { sinceMs: T0 + 60_000, untilMs: T0 + 120_000 }, 'bytes', 10)).length, 0);
    assert.equal((await topEdges(lake, { sinceMs: T0, untilMs: T0 + 60_000 }, 'bytes', 10)).length, 3);
  });

  it('make a map of clients and their servers', async () => {
    assert.deepEqual(renderMap(await topEdges(lake, WHOLE_LAKE, 'bytes', 100)), [
      'shop/web',
      '  -> shop/store:5432  1 connection, 2.0 MB out, 1.0 kB in, rtt 90 ms',
      '  -> shop/cart:80     2 connections, 1 failed, 100 B out, 1.0 kB in, rtt 0.20 ms',
      'job',
      '  -> (public):443     1 connection, 1 B out, 1.0 kB in, rtt 0.20 ms',
    ]);
    assert.deepEqual(renderMap([]), []);
  });
});
