/** Takes old messages away and gives their room back to the disk, in small transactions of the write queue. */
import type { DatabaseSync } from 'node:sqlite';
import type { WeirError } from '../../contract/errors.ts';
import { onSnapshot, pragma } from './database.ts';
import type { Messages } from './messages.ts';
import type { PartitionRow, Topics } from './topics.ts';
import type { WriteOperation, WriteQueue } from './write-queue.ts';

/** A produce trims its own partition only when it is this much over, so that most produces delete nothing. */
const OVER_SHARE = 1 / 16;
/** Free pages are kept for messages to come, and given back once they are more than this share of the file. */
const FREE_SHARE_MAX = 1 / 4;
const FREE_SHARE_AFTER = 1 / 8;
/** Pages moved in one transaction. */
const VACUUM_PAGES = 256;

export class Retention {
  readonly #database: DatabaseSync;
  readonly #topics: Topics;
  readonly #messages: Messages;
  readonly #writes: WriteQueue;
  messagesTrimmed = 0;

  constructor(database: DatabaseSync, topics: Topics, messages: Messages, writes: WriteQueue) {
    this.#database = database;
    this.#topics = topics;
    this.#messages = messages;
    this.#writes = writes;
  }

  /** Inside a produce's transaction: keeps a partition near its bound however fast it is written. */
  afterProduce(topic: string, number: number, nowMs: number): void {
    const partition = this.#topics.partition(topic, number);
    const { bytes, retentionBytes } = partition;
    if (retentionBytes === null || bytes <= retentionBytes * (1 + OVER_SHARE)) return;
    this.messagesTrimmed += this.#messages.trim(partition, nowMs);
  }

  /** Take away all that is due, then give room back. Looks first, so that an idle log writes nothing. */
  async run(nowMs: number): Promise<void> {
    for (;;) {
      const overdue = onSnapshot(this.#database, () =>
        this.#topics.allPartitions().filter((partition) => this.#messages.isOverdue(partition, nowMs)),
      );
      if (overdue.length === 0) break;
      await this.#write(() => this.#trim(overdue, nowMs));
    }
    if (this.#freeShare() <= FREE_SHARE_MAX) return;
    for (let before = 1, free = this.#freeShare(); free > FREE_SHARE_AFTER && free < before; free = this.#freeShare()) {
      before = free;
      await this.#write(() => this.#database.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`));
    }
    // The file itself shrinks when the write-ahead log has been copied into it; a busy reader only delays that.
    this.#database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  }

  #trim(overdue: readonly PartitionRow[], nowMs: number): void {
    // Read again under the lock: another process may have taken them meanwhile.
    const ids = new Set(overdue.map((partition) => partition.id));
    for (const partition of this.#topics.allPartitions()) {
      if (ids.has(partition.id)) this.messagesTrimmed += this.#messages.trim(partition, nowMs);
    }
  }

  #freeShare(): number {
    return pragma(this.#database, 'freelist_count') / Math.max(1, pragma(this.#database, 'page_count'));
  }

  #write(apply: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const operation: WriteOperation = {
        bytes: 0,
        apply,
        done: resolve,
        failed: (error: WeirError) => reject(error),
      };
      this.#writes.push(operation);
    });
  }
}
