/**
 * Group commit: whatever is queued while one transaction commits goes into the next one, so that an fsync is paid
 * once for all of them. An operation settles only after COMMIT.
 */
import { randomInt } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { WeirError } from '../../contract/errors.ts';
import { beginWrite, rollBack } from './database.ts';
import { fromSqlite } from './sqlite-errors.ts';

/** One transaction takes this much at most: other processes wait for it, and the write-ahead log holds it. */
const TRANSACTION_BYTES_MAX = 8 * 1024 * 1024;
/** Pause before the write lock is tried again: random, so that two processes do not keep step. */
const RETRY_MS_MIN = 1;
const RETRY_MS_MAX = 6;

export interface WriteOperation {
  readonly bytes: number;
  /** Runs inside the transaction. A WeirError refuses this operation alone, so it must have changed nothing by then. */
  apply(): void;
  /** After COMMIT. */
  done(): void;
  failed(error: WeirError): void;
}

interface Queued {
  readonly operation: WriteOperation;
  readonly sinceMs: number;
}

export class WriteQueue {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #busyMsMax: number;
  readonly #committed: () => void;
  readonly #idle: (() => void)[] = [];
  #queue: Queued[] = [];
  #scheduled = false;
  /** The last try found the lock held by another process. */
  #locked = false;
  #closed = false;
  transactions = 0;
  busyRetries = 0;

  /** `committed` is called after every transaction, before its operations settle. */
  constructor(database: DatabaseSync, path: string, busyMsMax: number, committed: () => void) {
    this.#database = database;
    this.#path = path;
    this.#busyMsMax = busyMsMax;
    this.#committed = committed;
  }

  push(operation: WriteOperation): void {
    if (this.#closed) {
      const path = this.#path;
      operation.failed(new WeirError('WEIR_TRANSPORT_CLOSED', `${path}: the log was closed before a write`, { path }));
      return;
    }
    this.#queue.push({ operation, sinceMs: performance.now() });
    this.#schedule();
  }

  /** Resolves when everything that was queued has settled; what is pushed later is refused. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#queue.length > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #schedule(pauseMs = 0): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const run = (): void => {
      this.#scheduled = false;
      this.#run();
    };
    // setImmediate: after every request that has arrived meanwhile was queued.
    if (pauseMs === 0) setImmediate(run);
    else setTimeout(run, pauseMs);
  }

  #run(): void {
    const batch = this.#take();
    if (!this.#transact(batch)) {
      this.busyRetries++;
      this.#queue.unshift(...this.#expire(batch));
    }
    if (this.#queue.length > 0) this.#schedule(this.#pauseMs());
    else for (const resolve of this.#idle.splice(0)) resolve();
  }

  #pauseMs(): number {
    return this.#locked ? randomInt(RETRY_MS_MIN, RETRY_MS_MAX + 1) : 0;
  }

  #take(): Queued[] {
    let bytes = 0;
    let count = 0;
    for (const { operation } of this.#queue) {
      if (count > 0 && bytes + operation.bytes > TRANSACTION_BYTES_MAX) break;
      bytes += operation.bytes;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  /** False when the lock was not to be had; everything else settles the batch. */
  #transact(batch: readonly Queued[]): boolean {
    const refused = new Map<Queued, WeirError>();
    try {
      this.#locked = !beginWrite(this.#database);
      if (this.#locked) return false;
      for (const queued of batch) {
        try {
          queued.operation.apply();
        } catch (error) {
          if (!(error instanceof WeirError)) throw error;
          refused.set(queued, error);
        }
      }
      this.#database.exec('COMMIT');
    } catch (error) {
      rollBack(this.#database);
      this.#isolate(batch, error);
      return true;
    }
    this.transactions++;
    this.#committed();
    for (const queued of batch) {
      const error = refused.get(queued);
      if (error === undefined) queued.operation.done();
      else queued.operation.failed(error);
    }
    return true;
  }

  /** A transaction failed as a whole: its operations are tried one by one, so that a large one does not fail a small one. */
  #isolate(batch: readonly Queued[], error: unknown): void {
    const [only, ...others] = batch;
    if (only !== undefined && others.length === 0) {
      only.operation.failed(fromSqlite(error, this.#path));
      return;
    }
    for (const queued of batch) if (!this.#transact([queued])) this.#queue.push(queued);
  }

  /** Those that may go on trying; the others fail. */
  #expire(batch: readonly Queued[]): Queued[] {
    const nowMs = performance.now();
    const left: Queued[] = [];
    for (const queued of batch) {
      if (nowMs - queued.sinceMs < this.#busyMsMax) left.push(queued);
      else queued.operation.failed(this.#unavailable());
    }
    return left;
  }

  #unavailable(): WeirError {
    return new WeirError(
      'WEIR_TRANSPORT_UNAVAILABLE',
      `${this.#path}: other processes held the write lock for ${this.#busyMsMax} ms; it is tried again`,
      { path: this.#path, busyMs: this.#busyMsMax },
    );
  }
}
