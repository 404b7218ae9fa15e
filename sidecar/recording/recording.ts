/**
 * A recording, opened: every frame was read and checked once, so that playing it cannot fail half-way.
 * Memory: identities and the truth; ring bytes and snapshots are read again while it is played.
 */
import type { SourceStart } from '../flow-source.ts';
import type { HostSnapshot } from '../host-view.ts';
import { FRAME, invalidRecording, type Frame } from './format.ts';
import { readCounters, readIdentity, readNode, readSnapshot, readStart, readUnchanged } from './payloads.ts';
import type { RecordedIdentity, RecordedNode } from './payloads.ts';
import { readFrames, recordingFile, type RecordingBytes } from './reader.ts';

export interface NodeSummary extends RecordedNode {
  readonly index: number;
  readonly start: SourceStart;
  readonly identities: readonly RecordedIdentity[];
  readonly firstUs: number;
  readonly lastUs: number;
  /** Bytes of ring frames. */
  readonly ringBytes: number;
}

export interface Recording {
  /** By index. */
  readonly nodes: readonly NodeSummary[];
  /** What travels with it; empty when nothing does. */
  readonly truth: Uint8Array;
  /** Its recorder was killed: there is no more than this many bytes of whole blocks. Null: it has its end. */
  readonly cutAt: number | null;
  readonly bytes: RecordingBytes;
}

/** Errors: WEIR_SIDECAR_RECORDING_INVALID with the byte offset. The caller closes `bytes` when it was played. */
export function openRecording(path: string): Recording {
  const bytes = recordingFile(path);
  try {
    return readRecording(bytes);
  } catch (cause) {
    bytes.close();
    throw cause;
  }
}

export function readRecording(bytes: RecordingBytes): Recording {
  const nodes = new Map<number, NodeCheck>();
  const truth: Uint8Array[] = [];
  const frames = readFrames(bytes);
  let step = frames.next();
  for (; step.done !== true; step = frames.next()) takeFrame(step.value, nodes, truth);
  const cutAt = step.value;
  // Where it is cut the last node may have been about to begin.
  const checks = [...nodes.values()].filter(({ hasStarted }) => cutAt === null || hasStarted);
  if (cutAt !== null && checks.length === 0) throw invalidRecording('it is cut before anything was recorded,', cutAt);
  const summaries = checks.map((check) => check.summary()).sort((a, b) => a.index - b.index);
  return { nodes: summaries, truth: Buffer.concat(truth), cutAt, bytes };
}

function takeFrame(frame: Frame, nodes: Map<number, NodeCheck>, truth: Uint8Array[]): void {
  if (frame.kind === FRAME.end) return;
  if (frame.kind === FRAME.truth) {
    truth.push(Uint8Array.from(frame.payload));
    return;
  }
  const known = nodes.get(frame.node);
  if (frame.kind === FRAME.node) {
    if (known !== undefined) throw invalidRecording('a node begins twice', frame.fileOffset);
    nodes.set(frame.node, new NodeCheck(frame));
  } else if (known === undefined) throw invalidRecording('a frame of an unknown node', frame.fileOffset);
  else known.take(frame);
}

/** Follows one node's frames. */
class NodeCheck {
  readonly #index: number;
  readonly #node: RecordedNode;
  readonly #firstUs: number;
  readonly #fileOffset: number;
  readonly #identities: RecordedIdentity[] = [];
  #lastUs: number;
  #start: SourceStart | null = null;
  #snapshot: HostSnapshot | null = null;
  #ringBytes = 0;
  #stopped = false;

  constructor(frame: Frame) {
    this.#index = frame.node;
    this.#node = readNode(frame);
    this.#firstUs = frame.atUs;
    this.#lastUs = frame.atUs;
    this.#fileOffset = frame.fileOffset;
  }

  get hasStarted(): boolean {
    return this.#start !== null;
  }

  take(frame: Frame): void {
    const { kind, fileOffset, payload } = frame;
    if (this.#stopped) throw invalidRecording('a frame after its node has stopped', fileOffset);
    this.#lastUs = Math.max(this.#lastUs, frame.atUs);
    switch (kind) {
      case FRAME.snapshot:
        this.#snapshot = readSnapshot(frame);
        return;
      case FRAME.unchanged:
        if (this.#snapshot === null) throw invalidRecording('an unchanged scan without a first', fileOffset);
        readUnchanged(frame, this.#snapshot);
        return;
      case FRAME.start:
        if (this.#start !== null || this.#snapshot === null) throw invalidRecording('a start out of place', fileOffset);
        this.#start = readStart(frame);
        return;
      case FRAME.ring:
        if (this.#start === null) throw invalidRecording('ring bytes before the start', fileOffset);
        this.#ringBytes += payload.length;
        return;
      case FRAME.counters:
        readCounters(frame);
        return;
      case FRAME.identity:
        this.#identities.push(readIdentity(frame));
        return;
      case FRAME.stop:
        this.#stopped = true;
        return;
      default:
        throw invalidRecording(`a frame of kind ${kind} out of place`, fileOffset);
    }
  }

  summary(): NodeSummary {
    const start = this.#start;
    if (start === null) throw invalidRecording('a node without a start', this.#fileOffset);
    return {
      ...this.#node,
      index: this.#index,
      start,
      identities: this.#identities,
      firstUs: this.#firstUs,
      lastUs: this.#lastUs,
      ringBytes: this.#ringBytes,
    };
  }
}
