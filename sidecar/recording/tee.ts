/** A FlowSource and a HostView that write what they give into a recording on the way. */
import type { FlowSource, SourceCounters, SourceRead, SourceStart } from '../flow-source.ts';
import type { HostSnapshot, HostView, ListenHint, LocalIdentity } from '../host-view.ts';
import { FRAME } from './format.ts';
import { toJson } from './json.ts';
import type { RecordedNode } from './payloads.ts';
import type { RecordingWriter } from './writer.ts';

export interface RecordedPair {
  readonly source: FlowSource;
  readonly host: HostView;
}

/**
 * Write a node's frames into `writer` as number `index`. The caller closes the writer after the source was stopped.
 * `nowUs`: the clock of the frames, microseconds since 1970.
 */
export function recordInto(
  writer: RecordingWriter,
  index: number,
  node: RecordedNode,
  source: FlowSource,
  host: HostView,
  nowUs: () => number,
): RecordedPair {
  writer.frame(FRAME.node, index, nowUs(), toJson(node));
  return { source: new TeeSource(writer, index, source, nowUs), host: new TeeHost(writer, index, host, nowUs) };
}

class TeeSource implements FlowSource {
  readonly kind: FlowSource['kind'];
  readonly #writer: RecordingWriter;
  readonly #index: number;
  readonly #source: FlowSource;
  readonly #nowUs: () => number;
  #told = '';
  #stopped = false;

  constructor(writer: RecordingWriter, index: number, source: FlowSource, nowUs: () => number) {
    this.kind = source.kind;
    this.#writer = writer;
    this.#index = index;
    this.#source = source;
    this.#nowUs = nowUs;
  }

  get ended(): boolean {
    return this.#source.ended;
  }

  async start(): Promise<SourceStart> {
    const start = await this.#source.start();
    this.#writer.frame(FRAME.start, this.#index, this.#nowUs(), toJson(start));
    return start;
  }

  read(into: Uint8Array): SourceRead {
    const read = this.#source.read(into);
    if (read.bytes > 0) this.#writer.frame(FRAME.ring, this.#index, this.#nowUs(), into.subarray(0, read.bytes));
    return read;
  }

  release(position: number): void {
    this.#source.release(position);
  }

  backlog(): number {
    return this.#source.backlog?.() ?? 0;
  }

  counters(): SourceCounters {
    const counters = this.#source.counters();
    // `made` moves with every record; what is lost does not, and is what a playback must tell at the right moment.
    const told = JSON.stringify({ ...counters, made: 0 });
    if (told !== this.#told) this.#writer.frame(FRAME.counters, this.#index, this.#nowUs(), toJson(counters));
    this.#told = told;
    return counters;
  }

  reportOpen(): Promise<void> {
    return this.#source.reportOpen();
  }

  detach(): Promise<void> {
    return this.#source.detach();
  }

  async stop(): Promise<void> {
    await this.#source.stop();
    if (this.#stopped) return;
    this.#stopped = true;
    this.#writer.frame(FRAME.counters, this.#index, this.#nowUs(), toJson(this.#source.counters()));
    this.#writer.frame(FRAME.stop, this.#index, this.#nowUs(), new Uint8Array(0));
  }
}

class TeeHost implements HostView {
  readonly node: string;
  readonly #writer: RecordingWriter;
  readonly #index: number;
  readonly #host: HostView;
  readonly #nowUs: () => number;
  readonly #identities = new Set<string>();
  #seen = '';

  constructor(writer: RecordingWriter, index: number, host: HostView, nowUs: () => number) {
    this.node = host.node;
    this.#writer = writer;
    this.#index = index;
    this.#host = host;
    this.#nowUs = nowUs;
  }

  identify(cgroupId: number, pid: number, comm: string): LocalIdentity | null {
    const identity = this.#host.identify(cgroupId, pid, comm);
    if (identity === null) return null;
    const name = identity.workload.kind === 'Process' ? comm : '';
    const key = `${cgroupId}/${name}`;
    if (!this.#identities.has(key)) {
      this.#identities.add(key);
      this.#writer.frame(FRAME.identity, this.#index, this.#nowUs(), toJson({ cgroupId, comm: name, identity }));
    }
    return identity;
  }

  async snapshot(listening?: readonly ListenHint[]): Promise<HostSnapshot> {
    const snapshot = await this.#host.snapshot(listening);
    const { startedUs, finishedUs } = snapshot;
    const seen = Buffer.from(toJson({ ...snapshot, startedUs: 0, finishedUs: 0 })).toString();
    const unchanged = seen === this.#seen;
    this.#seen = seen;
    const payload = toJson(unchanged ? [startedUs, finishedUs] : snapshot);
    this.#writer.frame(unchanged ? FRAME.unchanged : FRAME.snapshot, this.#index, this.#nowUs(), payload);
    return snapshot;
  }
}
