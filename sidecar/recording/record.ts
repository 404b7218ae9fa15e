/** Records a node without a pipeline: reads the ring, looks at the machine, asks who is who, and writes it all down. */
import type { Clock } from '../../contract/clock.ts';
import { fromUnknown, type WeirError } from '../../contract/errors.ts';
import { CapturedColumns } from '../captured-columns.ts';
import { decodeRing, type ListenEvent } from '../decode.ts';
import type { FlowSource, SourceStart } from '../flow-source.ts';
import type { HostView } from '../host-view.ts';
import { OwnerTable } from '../owners.ts';
import type { RecordedNode } from './payloads.ts';
import { recordInto, type RecordedPair } from './tee.ts';
import type { RecordingWriter } from './writer.ts';

export interface RecordOptions {
  readonly writer: RecordingWriter;
  readonly node: RecordedNode;
  /** Of this node in the file: 0 unless several share the writer. */
  readonly index: number;
  readonly source: FlowSource;
  readonly host: HostView;
  readonly clock: Clock;
  readonly intervalMs: number;
  readonly scanMs: number;
  readonly ringPollMs: number;
}

export interface RunningRecord {
  /** Resolves after `stop`, rejects when it cannot go on. */
  readonly done: Promise<void>;
  /** Flow records so far. */
  readonly flows: number;
  /** Reads the rest, looks once more, stops the source. The caller closes the writer. */
  stop(): Promise<void>;
}

const READ_BYTES = 256 * 1024;

/** Errors: the source's own, WEIR_DATA_RIGHTS where the file cannot be written. */
export async function startRecord(options: RecordOptions): Promise<RunningRecord> {
  const nowUs = (): number => options.clock.nowMs() * 1000;
  const { writer, index, node, source, host } = options;
  const pair = recordInto(writer, index, node, source, host, nowUs);
  await pair.host.snapshot([]);
  const start = await pair.source.start();
  return new Recorder(options, pair, start);
}

class Recorder implements RunningRecord {
  readonly done: Promise<void>;
  flows = 0;
  readonly #options: RecordOptions;
  readonly #pair: RecordedPair;
  readonly #start: SourceStart;
  readonly #stopping = new AbortController();
  readonly #buffer = new Uint8Array(READ_BYTES);
  readonly #columns = new CapturedColumns(1024);
  readonly #owners: OwnerTable;

  constructor(options: RecordOptions, pair: RecordedPair, start: SourceStart) {
    this.#options = options;
    this.#pair = pair;
    this.#start = start;
    this.#owners = new OwnerTable(pair.host);
    this.done = this.#run();
    this.done.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.done;
  }

  async #run(): Promise<void> {
    const { clock, intervalMs, scanMs, ringPollMs } = this.#options;
    const { source } = this.#pair;
    let walk: Promise<void> | null = source.reportOpen();
    let nextScanMs = clock.nowMs() + scanMs;
    let nextReportMs = clock.nowMs() + intervalMs;
    try {
      while (!this.#stopping.signal.aborted) {
        const listens = this.#read();
        const nowMs = clock.nowMs();
        if (nowMs >= nextScanMs || listens.length > 0) {
          nextScanMs = nowMs + scanMs;
          await this.#scan(listens);
        }
        if (nowMs >= nextReportMs) {
          nextReportMs = nowMs + intervalMs;
          await walk;
          walk = source.reportOpen();
        }
        await clock.sleep(ringPollMs, this.#stopping.signal);
      }
      await Promise.all([walk, source.reportOpen()]);
      await source.detach();
      await this.#scan(this.#read());
    } catch (cause) {
      throw this.#failure(cause);
    } finally {
      await source.stop();
    }
  }

  /** Everything that is in the ring; who owns the sockets is asked at once, while their cgroups exist. */
  #read(): readonly ListenEvent[] {
    const { source } = this.#pair;
    const listens: ListenEvent[] = [];
    for (let read = source.read(this.#buffer); read.bytes > 0; read = source.read(this.#buffer)) {
      const decoded = decodeRing(this.#buffer.subarray(0, read.bytes), this.#start, this.#columns);
      this.#owners.assign(this.#columns, 0);
      this.flows += decoded.rows;
      this.#columns.length = 0;
      listens.push(...decoded.listens);
      source.release(read.position);
    }
    source.counters();
    return listens;
  }

  async #scan(listens: readonly ListenEvent[]): Promise<void> {
    const { host } = this.#pair;
    const { namespaces, listeners } = await host.snapshot(listens);
    // Asked so that the answers are in the recording: claims need them.
    for (const { cgroupIds } of namespaces) for (const id of cgroupIds) host.identify(id, 0, '');
    for (const { cgroupId, pid, comm } of [...listeners, ...listens]) host.identify(cgroupId, pid, comm);
  }

  #failure(cause: unknown): WeirError {
    return fromUnknown(cause, 'WEIR_INTERNAL', 'the recording failed', { node: this.#options.node.node });
  }
}
