import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CapturedColumns } from '../../../sidecar/captured-columns.ts';
import { decodeRing } from '../../../sidecar/decode.ts';
import { PairMemory } from '../../../sidecar/pair-memory.ts';
import { flowRecord, ringBytes, type FlowFields } from '../../fixtures/ring-bytes.ts';

function rows(...flows: readonly FlowFields[]): CapturedColumns {
  const columns = new CapturedColumns(flows.length);
  decodeRing(ringBytes(flows.map((fields) => flowRecord(fields))), { bootToUnixUs: 0, jiffiesHz: 250 }, columns);
  for (let row = 0; row < columns.length; row++) columns.owner[row] = row;
  return columns;
}

const client: FlowFields = { local: '10.0.0.1', remote: '10.0.0.2', localPort: 40_000, remotePort: 80 };
const server: FlowFields = { local: '10.0.0.2', remote: '10.0.0.1', localPort: 80, remotePort: 40_000 };

/** Owners of what is remembered for a row, in the order given. */
function owners(memory: PairMemory, columns: CapturedColumns, row: number): number[] {
  const found: number[] = [];
  for (let end = memory.nextEnd(columns, row); end >= 0; end = memory.nextEnd(columns, row, end)) {
    found.push(memory.ownerOf(end));
  }
  return found;
}

test('an end is found by the mirrored tuple, and by no other', () => {
  const memory = new PairMemory();
  const columns = rows(client, server, { ...server, remotePort: 40_001 });
  memory.rememberEnd(columns, 0, 5, 9);
  assert.deepEqual(
    [0, 1, 2].map((row) => owners(memory, columns, row)),
    [[], [0], []],
  );
  const end = memory.nextEnd(columns, 1);
  assert.deepEqual([memory.beginUsOf(end), memory.endUsOf(end)], [5, 9]);
});

test('later rows of one open connection take one place, ends of a port used again at most four', () => {
  const memory = new PairMemory();
  const columns = rows(client, server);
  for (let i = 0; i < 100; i++) memory.rememberEnd(columns, 0, 5, Infinity);
  assert.deepEqual(owners(memory, columns, 1), [0]);
  for (let i = 0; i < 100; i++) memory.rememberEnd(columns, 0, 10 + i, 11 + i);
  assert.equal(owners(memory, columns, 1).length, 4);
});

test('the oldest end goes when there is no room, and whatever is remembered afterwards is found', () => {
  const memory = new PairMemory();
  const ports = Array.from({ length: 250 }, (_, i) => i + 1);
  const local = (i: number): string => `10.1.${i >> 8}.${i & 255}`;
  for (let host = 0; host < 100; host++) {
    const ends = rows(...ports.map((localPort) => ({ ...client, local: local(host), localPort })));
    for (let row = 0; row < ends.length; row++) memory.rememberEnd(ends, row, 1, 2);
  }
  const kept = (host: number): number => {
    const mirrored = rows(...ports.map((remotePort) => ({ ...server, remote: local(host), remotePort })));
    return ports.filter((_, row) => memory.nextEnd(mirrored, row) >= 0).length;
  };
  assert.equal(kept(0), 0);
  assert.equal(kept(99), 250);
  const all = Array.from({ length: 100 }, (_, host) => kept(host)).reduce((sum, found) => sum + found, 0);
  assert.equal(all, 16_384);
  memory.clear();
  assert.equal(kept(99), 0);
});
