import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Store } from '../../../contract/store.ts';
import { readParquetMetadata } from '../../../sink/footer.ts';

/** A store of one object in memory that counts what is read. */
function storeOf(object: Uint8Array | null): { store: Store; reads: [number, number][] } {
  const reads: [number, number][] = [];
  const unused = (): never => {
    throw new Error('not used');
  };
  const store: Store = {
    where: 'memory',
    create: unused,
    createBytes: unused,
    list: unused,
    folders: unused,
    localPath: unused,
    temporaryPath: unused,
    discard: unused,
    stat: (name) => Promise.resolve(object === null ? null : { name, bytes: object.length }),
    readRange: (_name, start, end) => {
      reads.push([start, end]);
      return Promise.resolve(object!.slice(start, end));
    },
  };
  return { store, reads };
}

/** FileMetaData in thrift's compact protocol: version, an empty schema, no rows, one pair of key and value. */
function parquetFile(value: string, pad: number = 0): Uint8Array {
  const key = Buffer.from('weir-log');
  const text = Buffer.from(value);
  const varint = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)]);
  const pair = [0x18, ...varint(key.length), ...key, 0x18, ...varint(text.length), ...text, 0];
  const footer = [0x15, 2, 0x19, 0x1c, 0x48, 1, 0x61, 0, 0x16, 0, 0x19, 0x0c, 0x19, 0x1c, ...pair, 0];
  const length = Buffer.alloc(4);
  length.writeUInt32LE(footer.length);
  return Buffer.concat([Buffer.from('PAR1'), Buffer.alloc(pad), Buffer.from(footer), length, Buffer.from('PAR1')]);
}

describe('the metadata of a Parquet file', () => {
  it('is read from the tail alone', async () => {
    const file = parquetFile('x', 5 * 1024 * 1024);
    const { store, reads } = storeOf(file);
    assert.deepEqual({ ...(await readParquetMetadata(store, 'a')) }, { 'weir-log': 'x' });
    assert.deepEqual(reads, [[file.length - 1024 * 1024, file.length]]);
  });

  it('is read with a second, exact read where it is longer than the tail', async () => {
    const value = 'v'.repeat(2 * 1024 * 1024);
    const { store, reads } = storeOf(parquetFile(value));
    assert.equal((await readParquetMetadata(store, 'a'))['weir-log'], value);
    assert.equal(reads.length, 2);
  });

  it('is refused when the object is gone, cut anywhere, or not Parquet', async () => {
    const whole = parquetFile('x');
    const bad: (Uint8Array | null)[] = [null, new Uint8Array(100)];
    for (let length = 0; length < whole.length; length++) bad.push(whole.slice(0, length));
    const long = Uint8Array.from(whole);
    long.set([0xff, 0xff, 0xff, 0x7f], whole.length - 8);
    bad.push(long);
    for (const object of bad) {
      await assert.rejects(readParquetMetadata(storeOf(object).store, 'a'), { code: 'WEIR_SINK_OBJECT_INVALID' });
    }
  });

  it('never crashes or hangs on a byte that was changed', async () => {
    const whole = parquetFile('some value');
    for (let at = 4; at < whole.length; at++) {
      for (const value of [0, 1, 0x19, 0x7f, 0x80, 0xff]) {
        const forged = Uint8Array.from(whole);
        forged[at] = value;
        await readParquetMetadata(storeOf(forged).store, 'a').catch((error: unknown) => {
          assert.equal((error as { code?: string }).code, 'WEIR_SINK_OBJECT_INVALID');
        });
      }
    }
  });
});
