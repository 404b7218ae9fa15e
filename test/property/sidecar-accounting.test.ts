/** Whatever the ring holds and however much of it is dropped: the batches tile the numbers, and made = rows + losses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeRawBatch } from '../../schemas/generated/flows-raw-v1.ts';
import { BatchStream } from '../../sidecar/batch.ts';
import { CapturedColumns } from '../../sidecar/captured-columns.ts';
import { decodeRing } from '../../sidecar/decode.ts';
import { LossLedger } from '../../sidecar/losses.ts';
import { OwnerTable } from '../../sidecar/owners.ts';
import { RefusedRecords } from '../../sidecar/refused-records.ts';
import { FakeHost, FakeSource } from '../fixtures/fake-machine.ts';
import { flowRecord, listenRecord, ringBytes } from '../fixtures/ring-bytes.ts';

const clock = { bootToUnixUs: 1_700_000_000_000_000, jiffiesHz: 250 };

type Step =
  | { readonly do: 'flows'; readonly count: number; readonly kind: number }
  | { readonly do: 'listen' }
  | { readonly do: 'read' }
  | { readonly do: 'seal' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('flows' as const), count: fc.integer({ min: 1, max: 40 }), kind: fc.nat(5) }),
  fc.constantFrom<Step>({ do: 'listen' }, { do: 'read' }, { do: 'seal' }),
);

test('batches tile the flow numbers, whatever was dropped, refused or split', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 600, max: 20_000 }), (steps, bytesMax) => {
      const source = new FakeSource({ ringBytes: 264 * 50 });
      const host = new FakeHost('node-a', () => 0);
      host.paths.set(7, '/demo/checkout');
      const owners = new OwnerTable(host);
      const columns = new CapturedColumns(16);
      const losses = new LossLedger(0);
      const refused = new RefusedRecords();
      const identity = { cluster: 'c', network: 'n', node: 'node-a', stream: 'ring-p0' };
      const stream = new BatchStream(identity, bytesMax);
      const sealed: Uint8Array[] = [];
      const buffer = new Uint8Array(65_536);
      const read = (): void => {
        const { bytes, position } = source.read(buffer);
        refused.add(decodeRing(buffer.subarray(0, bytes), clock, columns, position).invalid, 1);
        losses.observe(source.counters(), 1);
        owners.assign(columns, 0);
        source.release(position);
      };
      const seal = (): void => {
        const told = [...losses.entries(), ...refused.lossesUpTo(Infinity)];
        const batch = stream.seal(columns, columns.length, told, owners, 1);
        if (batch.losses.length > 0) {
          losses.clear();
          refused.dropUpTo(Infinity);
        }
        columns.dropFirst(batch.rows);
        sealed.push(batch.message.value);
      };
      for (const action of steps) {
        if (action.do === 'flows') {
          for (let i = 0; i < action.count; i++) source.emit(flowRecord({ kind: action.kind }));
        } else if (action.do === 'listen') source.emit(listenRecord(), { flow: false });
        else if (action.do === 'read') read();
        else seal();
      }
      read();
      while (columns.length > 0 || losses.flows > 0 || refused.length > 0) seal();

      let next = 0;
      let told = 0;
      sealed.forEach((bytes, seq) => {
        const batch = decodeRawBatch(bytes);
        assert.equal(batch.seq, seq);
        assert.equal(batch.first, next);
        let flows = 0;
        for (let row = 0; row < batch.flows.length; row++) flows += batch.flows.numbers[row]!;
        for (const loss of batch.losses) flows += loss.flows;
        assert.equal(batch.next - batch.first, flows);
        assert.ok(bytes.length <= bytesMax || batch.flows.length <= 1);
        next = batch.next;
        told += flows;
      });
      assert.equal(told, source.made);
    }),
    { numRuns: 300 },
  );
});

test('any bytes at all are decoded without an exception, and every row is one that can be encoded', () => {
  const columns = new CapturedColumns(16);
  const host = new FakeHost('node-a', () => 0);
  const owners = new OwnerTable(host);
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 40 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4 }), changes, fc.nat(2000), (count, places, cut) => {
      const bytes = ringBytes([listenRecord(), ...Array.from({ length: count }, () => flowRecord())]);
      for (const [at, value] of places) bytes[at % bytes.length] = value;
      columns.length = 0;
      decodeRing(bytes.slice(0, Math.max(0, bytes.length - cut)), clock, columns);
      owners.assign(columns, 0);
      const identity = { cluster: 'c', network: 'n', node: 'node-a', stream: 'ring-p0' };
      const batch = new BatchStream(identity).seal(columns, columns.length, [], owners, 1);
      assert.equal(decodeRawBatch(batch.message.value).flows.length, columns.length);
    }),
    { numRuns: 1000 },
  );
});
