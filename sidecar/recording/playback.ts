/**
 * A recorded node played back as FlowSource and HostView: ring bytes, counters and scans come in the recorded order and
 * at the recorded time of the playback's clock, so that playing it again makes the same batches and claims.
 */
import type { FlowSource, SourceCounters, SourceRead, SourceStart } from '../flow-source.ts';
import type { HostSnapshot, HostView, LocalIdentity } from '../host-view.ts';
import { FRAME, type Frame } from './format.ts';
import { readCounters, readSnapshot, readUnchanged } from './payloads.ts';
import { PlaybackClock, PlaybackPace } from './playback-clock.ts';
import { readFrames } from './reader.ts';
import type { NodeSummary, Recording } from './recording.ts';

export interface NodePlayback {
  readonly node: string;
  readonly cluster: string;
  readonly network: string;
  readonly source: FlowSource;
  readonly host: HostView;
  /** For `eventClock` of the sidecar. */
  readonly clock: PlaybackClock;
  /** For `epoch` of the sidecar: the same each time. */
  readonly epoch: string;
}

/** One for each node; every one must be started, or stopped, for the others to go on. */
export function playRecording(recording: Recording, options: { readonly paced: boolean }): readonly NodePlayback[] {
  const pace = new PlaybackPace(options.paced);
  return recording.nodes.map((summary) => {
    const clock = new PlaybackClock(pace, summary.firstUs);
    pace.join(clock);
    const player = new NodePlayer(recording, summary, clock, pace);
    const { node, cluster, network, start } = summary;
    return {
      node,
      cluster,
      network,
      clock,
      epoch: start.ringId,
      source: player,
      host: new PlayedHost(player, summary),
    };
  });
}

const NOTHING: SourceCounters = { made: 0, dropped: {}, listenDropped: 0, stateFull: 0, recursionMisses: {} };
/** Length and zero before every record. */
const FRAME_BYTES = 8;

class NodePlayer implements FlowSource {
  readonly kind = 'recording';
  readonly #summary: NodeSummary;
  readonly #clock: PlaybackClock;
  readonly #pace: PlaybackPace;
  readonly #frames: Iterator<Frame>;
  #next: Frame | null = null;
  /** Bytes of the next frame, a ring frame, that were given out. */
  #given = 0;
  #position = 0;
  #counters = NOTHING;
  #snapshot: HostSnapshot | null = null;

  constructor(recording: Recording, summary: NodeSummary, clock: PlaybackClock, pace: PlaybackPace) {
    this.#summary = summary;
    this.#clock = clock;
    this.#pace = pace;
    this.#frames = readFrames(recording.bytes);
    this.#advance();
  }

  get ended(): boolean {
    this.#settle();
    return this.#next === null;
  }

  /** A scan is next, and its time has come. */
  get snapshotReady(): boolean {
    this.#settle();
    return this.#due() && isScan(this.#next!);
  }

  start(): Promise<SourceStart> {
    return Promise.resolve(this.#summary.start);
  }

  /** Whole records of the next ring frame; nothing while a scan comes first. */
  read(into: Uint8Array): SourceRead {
    this.#settle();
    let bytes = 0;
    while (this.#due() && this.#next!.kind === FRAME.ring) {
      const rest = this.#next!.payload.subarray(this.#given);
      const fits = wholeRecords(rest, into.length - bytes, bytes === 0);
      into.set(rest.subarray(0, fits), bytes);
      bytes += fits;
      this.#given += fits;
      if (fits < rest.length) break;
      this.#advance();
      this.#settle();
    }
    this.#position += bytes;
    return { bytes, position: this.#position };
  }

  release(): void {
    // What was read is on the disk for good.
  }

  counters(): SourceCounters {
    this.#settle();
    return this.#counters;
  }

  reportOpen(): Promise<void> {
    return Promise.resolve();
  }

  detach(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    this.#pace.leave(this.#clock);
    return Promise.resolve();
  }

  /** The next scan; where none is due, the last one again. */
  takeSnapshot(): HostSnapshot {
    while (this.#next !== null && (this.snapshotReady || this.#snapshot === null)) {
      const frame = this.#next;
      this.#advance();
      if (frame.kind === FRAME.snapshot) this.#snapshot = readSnapshot(frame);
      else if (frame.kind === FRAME.unchanged && this.#snapshot !== null) {
        this.#snapshot = readUnchanged(frame, this.#snapshot);
      } else continue;
      break;
    }
    return this.#snapshot ?? { startedUs: 0, finishedUs: 0, namespaces: [], listeners: [] };
  }

  #due(): boolean {
    return this.#next !== null && this.#next.atUs <= this.#clock.now * 1000;
  }

  /** Pass what is due and neither ring bytes nor a scan. */
  #settle(): void {
    while (this.#due()) {
      const frame = this.#next!;
      if (frame.kind === FRAME.ring || isScan(frame)) return;
      if (frame.kind === FRAME.counters) this.#counters = readCounters(frame);
      this.#advance();
    }
  }

  #advance(): void {
    this.#given = 0;
    for (let step = this.#frames.next(); step.done !== true; step = this.#frames.next()) {
      const { kind, node } = step.value;
      if (kind === FRAME.end || kind === FRAME.truth || node !== this.#summary.index) continue;
      this.#next = step.value;
      return;
    }
    this.#next = null;
  }
}

class PlayedHost implements HostView {
  readonly node: string;
  readonly #player: NodePlayer;
  readonly #identities = new Map<string, LocalIdentity>();

  constructor(player: NodePlayer, summary: NodeSummary) {
    this.node = summary.node;
    this.#player = player;
    for (const { cgroupId, comm, identity } of summary.identities)
      this.#identities.set(`${cgroupId}/${comm}`, identity);
  }

  get snapshotReady(): boolean {
    return this.#player.snapshotReady;
  }

  identify(cgroupId: number, _pid: number, comm: string): LocalIdentity | null {
    return this.#identities.get(`${cgroupId}/`) ?? this.#identities.get(`${cgroupId}/${comm}`) ?? null;
  }

  snapshot(): Promise<HostSnapshot> {
    return Promise.resolve(this.#player.takeSnapshot());
  }
}

function isScan(frame: Frame): boolean {
  return frame.kind === FRAME.snapshot || frame.kind === FRAME.unchanged;
}

/** As many bytes of `bytes` as make whole records and fit; the rest of bytes that make no record belongs to the last. */
function wholeRecords(bytes: Uint8Array, room: number, emptyBuffer: boolean): number {
  if (bytes.length <= room) return bytes.length;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  while (at + FRAME_BYTES <= bytes.length) {
    const next = at + FRAME_BYTES + ((view.getUint32(at, true) + 7) & ~7);
    if (next > room) break;
    at = next;
  }
  // A record larger than the reader's whole buffer is none: hand over what fits, and let the decoder refuse it.
  return at === 0 && emptyBuffer ? room : at;
}
