import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { CODEC, compressZstd, decompress, zstdContentBytes } from '../../../../transport/kafka/codecs.ts';

const SIZES = [1, 200, 255, 256, 300, 65_791, 65_792, 200_000, 5 << 20];
const contentOf = (bytes: number): Buffer => Buffer.from(Array.from({ length: bytes }, (_, i) => (i * i) % 251));

test('a frame of ours says how much it holds, and is decompressed to that, in one buffer or several', async () => {
  for (const bytes of SIZES) {
    const content = contentOf(bytes);
    const frame = await compressZstd(content);
    // Eighteen bytes are the longest header: a frame that is shorter is not asked.
    assert.equal(zstdContentBytes(frame), frame.length < 18 ? null : bytes, `${bytes} bytes`);
    const found = await decompress(CODEC.zstd, frame, bytes);
    assert.ok(found?.equals(content), `${bytes} bytes`);
  }
});

test('a frame that does not say, what is no frame, and one that is cut are not known', () => {
  assert.equal(zstdContentBytes(Buffer.alloc(100)), null);
  assert.equal(zstdContentBytes(Buffer.alloc(0)), null);
  const frame = zstdCompressSync(contentOf(1000), { pledgedSrcSize: 1000 });
  assert.equal(zstdContentBytes(frame), 1000);
  assert.equal(zstdContentBytes(frame.subarray(0, 17)), null);
  const streamed = Buffer.from(frame);
  streamed[4] = 0; // No single segment, no size.
  assert.equal(zstdContentBytes(streamed), null);
});

test('a header that claims more than is there, or than is allowed, is not believed', async () => {
  const frame = Buffer.from(await compressZstd(contentOf(100_000)));
  assert.equal(frame[4]! >>> 6, 2, 'four bytes of size');
  frame.writeUInt32LE(0xffff_fff0, 5 + ((frame[4]! & 0x20) !== 0 ? 0 : 1));
  assert.equal(zstdContentBytes(frame), 0xffff_fff0);
  await assert.rejects(decompress(CODEC.zstd, frame, 1 << 20));
  await assert.rejects(
    decompress(CODEC.zstd, await compressZstd(contentOf(100_000)), 99_999),
    /ERR_BUFFER_TOO_LARGE|larger/,
  );
});
