/**
 * Mutated recordings: refused with a code, or read whole; never a crash, a hang or an unbounded allocation.
 * Half of the mutations get a right checksum, so that what lies behind it is reached.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import fc from 'fast-check';
import { WeirError } from '../../contract/errors.ts';
import { FRAME } from '../../sidecar/recording/format.ts';
import { toJson } from '../../sidecar/recording/json.ts';
import { playRecording } from '../../sidecar/recording/playback.ts';
import { readRecording } from '../../sidecar/recording/recording.ts';
import { recordingInMemory } from '../../sidecar/recording/reader.ts';
import { RecordingWriter } from '../../sidecar/recording/writer.ts';
import { localIdentity } from '../../sidecar/identity/local-identity.ts';
import { listenerOf, namespaceOf } from '../fixtures/fake-machine.ts';
import { flowRecord, ringBytes } from '../fixtures/ring-bytes.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-recording-fuzz-'));
after(() => rmSync(folder, { recursive: true }));

function sample(): Buffer {
  const path = join(folder, 'sample.weirrec');
  const writer = new RecordingWriter(path);
  const at = 1_700_000_000_000_000;
  const scope = { cluster: 'c', network: 'n', node: 'node-a' };
  const identity = localIdentity(scope, 11, '/demo/checkout', '');
  const counters = { made: 2, dropped: { ring_full: 1 }, listenDropped: 0, stateFull: 0, recursionMisses: { a: 1 } };
  const namespaces = [namespaceOf(1, ['10.0.0.1/24'], [11])];
  const listeners = [listenerOf(1, '::', 80, 11)];
  writer.frame(FRAME.node, 0, at, toJson(scope));
  writer.frame(FRAME.snapshot, 0, at, toJson({ startedUs: at, finishedUs: at + 1, namespaces, listeners }));
  writer.frame(FRAME.start, 0, at, toJson({ ringId: 'r', bootToUnixUs: at, jiffiesHz: 250 }));
  writer.frame(FRAME.ring, 0, at + 1000, ringBytes([flowRecord(), flowRecord()]));
  writer.frame(FRAME.identity, 0, at + 1000, toJson({ cgroupId: 11, comm: '', identity }));
  writer.frame(FRAME.counters, 0, at + 1000, toJson(counters));
  writer.frame(FRAME.unchanged, 0, at + 2000, toJson([at + 10, at + 20]));
  writer.frame(FRAME.stop, 0, at + 3000, new Uint8Array(0));
  writer.truth(new TextEncoder().encode('{}'));
  writer.close();
  return readFileSync(path);
}

const whole = sample();
const HEADER = 24;

/** The file with its one block's frames changed and everything around them right again. */
function resealed(mutate: (frames: Buffer) => Buffer): Buffer {
  const frames = mutate(zstdDecompressSync(whole.subarray(HEADER)));
  const packed = zstdCompressSync(frames);
  const header = Buffer.from(whole.subarray(0, HEADER));
  header.writeUInt32LE(packed.length, 12);
  header.writeUInt32LE(frames.length, 16);
  header.writeUInt32LE(crc32(packed), 20);
  return Buffer.concat([header, packed]);
}

async function survives(bytes: Uint8Array): Promise<void> {
  try {
    const recording = readRecording(recordingInMemory(bytes));
    for (const { source, host, clock } of playRecording(recording, { paced: false })) {
      await host.snapshot();
      const buffer = new Uint8Array(65_536);
      for (let turn = 0; turn < 20 && !source.ended; turn++) {
        source.read(buffer);
        if (host.snapshotReady === true) await host.snapshot();
        clock.now += 1;
      }
    }
  } catch (error) {
    assert.ok(error instanceof WeirError, String(error));
    assert.equal(error.code, 'WEIR_SIDECAR_RECORDING_INVALID');
  }
}

const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 });

function changed(bytes: Uint8Array, places: readonly (readonly [number, number])[]): Buffer {
  const copy = Buffer.from(bytes);
  for (const [at, value] of places) copy[at % copy.length] = value;
  return copy;
}

test('the unchanged sample is read whole', async () => {
  await survives(whole);
  assert.equal(readRecording(recordingInMemory(resealed((frames) => frames))).nodes.length, 1);
});

test('bytes changed anywhere in the file are refused or harmless', async () => {
  await fc.assert(
    fc.asyncProperty(changes, (places) => survives(changed(whole, places))),
    { numRuns: 1000 },
  );
});

test('bytes changed behind a right checksum are refused or harmless', async () => {
  await fc.assert(
    fc.asyncProperty(changes, (places) => survives(resealed((frames) => changed(frames, places)))),
    { numRuns: 1500 },
  );
});

test('a recording cut and patched anywhere is refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
      assert.throws(() => readRecording(recordingInMemory(whole.subarray(0, length))), {
        code: 'WEIR_SIDECAR_RECORDING_INVALID',
      });
      await survives(resealed((frames) => frames.subarray(0, length)));
    }),
    { numRuns: 300 },
  );
});
