/**
 * Reads, and those of them that wait for a message to come. Own appends wake them at once; those of other processes
 * are noticed by `PRAGMA data_version`, which is looked at only while somebody waits.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { WeirError } from '../../contract/errors.ts';
import { onSnapshot } from './database.ts';
import type { Messages } from './messages.ts';
import type { ReadAnswer, ReadArguments } from './protocol.ts';
import { fromSqlite, isBusy } from './sqlite-errors.ts';
import type { Topics } from './topics.ts';

/** A look costs some 5 us; this is how late another process's message may be noticed. */
const POLL_MS = 15;

interface WaitingRead {
  readonly read: ReadArguments;
  readonly deadlineMs: number;
  readonly answer: (answer: ReadAnswer) => void;
  readonly failed: (error: WeirError) => void;
  timer: NodeJS.Timeout | null;
}

export class WaitingReads {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #busyMsMax: number;
  readonly #topics: Topics;
  readonly #messages: Messages;
  readonly #version: StatementSync;
  readonly #waiting = new Map<number, WaitingRead>();
  #seenVersion = -1;
  #poll: NodeJS.Timeout | null = null;
  polls = 0;

  constructor(database: DatabaseSync, path: string, busyMsMax: number, topics: Topics, messages: Messages) {
    this.#database = database;
    this.#path = path;
    this.#busyMsMax = busyMsMax;
    this.#topics = topics;
    this.#messages = messages;
    this.#version = database.prepare('PRAGMA data_version');
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Answers at once when there is a message or nothing to wait for, else when one comes or `waitMs` are over. */
  read(
    id: number,
    read: ReadArguments,
    answer: (answer: ReadAnswer) => void,
    failed: (error: WeirError) => void,
  ): void {
    const deadlineMs = performance.now() + Math.max(0, read.waitMs);
    this.#waiting.set(id, { read, deadlineMs, answer, failed, timer: null });
    this.#attempt(id);
    if (this.#waiting.size > 0) this.#startPolling();
  }

  /** Answer with what is there now. */
  abort(id: number): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.set(id, { ...waiting, deadlineMs: 0 });
    this.#attempt(id);
  }

  /** Something was written. */
  wake(): void {
    for (const id of this.#waiting.keys()) this.#attempt(id);
  }

  /** Every waiting read fails. */
  close(error: WeirError): void {
    for (const id of this.#waiting.keys()) this.#take(id)?.failed(error);
    this.#stopPolling();
  }

  #take(id: number): WaitingRead | undefined {
    const waiting = this.#waiting.get(id);
    if (waiting !== undefined && waiting.timer !== null) clearTimeout(waiting.timer);
    this.#waiting.delete(id);
    return waiting;
  }

  #attempt(id: number): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    const leftMs = waiting.deadlineMs - performance.now();
    try {
      const answer = this.#answerOf(waiting.read, leftMs > 0);
      if (answer !== null) this.#take(id)?.answer(answer);
      else this.#again(id, waiting, leftMs);
    } catch (error) {
      // In WAL mode a reader is shut out only while the file is recovered or the last connection closes.
      if (isBusy(error) && leftMs > -this.#busyMsMax) this.#again(id, waiting, POLL_MS);
      else this.#take(id)?.failed(fromSqlite(error, this.#path));
    }
    if (this.#waiting.size === 0) this.#stopPolling();
  }

  /** Null when there is nothing yet and `mayWait`. */
  #answerOf(read: ReadArguments, mayWait: boolean): ReadAnswer | null {
    return onSnapshot(this.#database, () => {
      const partition = this.#topics.partition(read.topic, read.partition);
      if (mayWait && Math.max(partition.start, read.from) === partition.end) return null;
      return this.#messages.read(partition, read);
    });
  }

  #again(id: number, waiting: WaitingRead, pauseMs: number): void {
    if (waiting.timer !== null) clearTimeout(waiting.timer);
    // Never later than Node's longest timer.
    waiting.timer = setTimeout(() => this.#attempt(id), Math.min(Math.max(1, pauseMs), 2 ** 31 - 1));
  }

  #startPolling(): void {
    if (this.#poll !== null) return;
    this.#poll = setInterval(() => this.#look(), POLL_MS);
  }

  #stopPolling(): void {
    if (this.#poll !== null) clearInterval(this.#poll);
    this.#poll = null;
  }

  /** The version was last seen before any read that waits now, so a change in between is never missed. */
  #look(): void {
    this.polls++;
    try {
      const version = Number(this.#version.get()?.['data_version']);
      if (version === this.#seenVersion) return;
      this.#seenVersion = version;
    } catch (error) {
      if (isBusy(error)) return;
      this.close(fromSqlite(error, this.#path));
      return;
    }
    this.wake();
  }
}
