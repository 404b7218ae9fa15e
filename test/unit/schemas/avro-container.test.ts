import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { type ContainerHead, containerBlocks, readContainerHead } from '../../../schemas/avro-container.ts';

const bytes = (...parts: (string | number[] | Uint8Array)[]): Uint8Array =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Uint8Array.from(part))));
const SYNC = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
/** A string or bytes of less than 64 bytes. */
const short = (text: string): Uint8Array => bytes([2 * text.length], text);
const reader = (file: Uint8Array) => (start: number, end: number) => Promise.resolve(file.subarray(start, end));
const headOf = (file: Uint8Array) => readContainerHead(reader(file), file.length);
const CODEC = bytes(short('avro.codec'), short('deflate'));

describe('the head of an Avro file', () => {
  it('is read with its metadata, in one block or several, with sizes or without', async () => {
    const plain = bytes('Obj\u0001', [4], CODEC, short('a'), short('b'), [0], SYNC, [0, 0], SYNC);
    const blocks = bytes('Obj\u0001', [1, 2 * CODEC.length], CODEC, [2], short('a'), short('b'), [0], SYNC);
    for (const file of [plain, blocks]) {
      const head = (await headOf(file)) as ContainerHead;
      assert.deepEqual({ ...head.metadata }, { 'avro.codec': 'deflate', a: 'b' });
      assert.deepEqual(head.sync, SYNC);
    }
  });

  it('is read in a few ranges where it is long', async () => {
    const long = 'x'.repeat(700_000);
    // 1400000 as a varint.
    const file = bytes(
      'Obj\u0001',
      [2],
      short('weir-streams'),
      [0xc0, 0xb9, 0x55],
      long,
      [0],
      SYNC,
      new Uint8Array(100),
    );
    const ends: number[] = [];
    const head = await readContainerHead((start, end) => {
      ends.push(end);
      return Promise.resolve(file.subarray(start, end));
    }, file.length);
    assert.equal((head as ContainerHead).metadata['weir-streams'], long);
    assert.deepEqual(ends, [65_536, 524_288, file.length]);
  });

  it('is a sentence for whatever is no such file', async () => {
    const whole = bytes('Obj\u0001', [2], CODEC, [0], SYNC);
    for (let length = 0; length < whole.length; length++) {
      assert.ok('broken' in (await headOf(whole.subarray(0, length))), `${length} bytes`);
    }
    for (const file of [
      bytes('PAR1xxxxPAR1'),
      bytes('Obj\u0001', [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]),
    ]) {
      assert.ok('broken' in (await headOf(file)));
    }
  });
});

describe('the blocks of an Avro file', () => {
  const head: ContainerHead = { metadata: { 'avro.codec': 'deflate' }, sync: SYNC, bytes: 0 };
  const data = deflateRawSync(Buffer.from('rows'));

  it('are inflated', () => {
    const file = bytes([6, 2 * data.length], data, SYNC, [2, 2 * data.length], data, SYNC);
    const blocks = [...containerBlocks(file, head)].map(({ rows, data: inflated }) => [
      rows,
      Buffer.from(inflated).toString(),
    ]);
    assert.deepEqual(blocks, [
      [3, 'rows'],
      [1, 'rows'],
    ]);
  });

  it('are refused where they are cut, marked otherwise, or no deflate', () => {
    const file = bytes([6, 2 * data.length], data, SYNC);
    for (let length = 1; length < file.length; length++) {
      assert.throws(() => [...containerBlocks(file.subarray(0, length), head)], { name: 'WeirError' }, `${length}`);
    }
    const marked = Uint8Array.from(file);
    marked[file.length - 1]! ^= 1;
    assert.throws(() => [...containerBlocks(marked, head)], { code: 'WEIR_SCHEMA_INVALID' });
    assert.throws(() => [...containerBlocks(bytes([6, 4], [0xff, 0xff], SYNC), head)], { code: 'WEIR_SCHEMA_INVALID' });
  });
});
