/** What a log's thread does with each request: reads from a snapshot, writes through the queue. */
import type { DatabaseSync } from 'node:sqlite';
import { WeirError } from '../../contract/errors.ts';
import type { Offset } from '../log.ts';
import { onSnapshot, openDatabase, pragma } from './database.ts';
import { Messages } from './messages.ts';
import type { Call, CallRequest, Calls, Request, TopicAnswer, WorkerOptions, WorkerStats } from './protocol.ts';
import { Retention } from './retention.ts';
import { fromSqlite } from './sqlite-errors.ts';
import { Topics } from './topics.ts';
import { WaitingReads } from './waiting-reads.ts';
import { WriteQueue } from './write-queue.ts';

type Answer = Calls[Call]['answer'];

/** Where answers go. `transfer`red buffers are moved. */
export interface Answers {
  answer(id: number, value: Answer, transfer?: readonly ArrayBuffer[]): void;
  refuse(id: number, error: WeirError): void;
  /** Everything settled and the file is closed. */
  ended(): void;
}

export class LogServer {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #answers: Answers;
  readonly #topics: Topics;
  readonly #messages: Messages;
  readonly #reads: WaitingReads;
  readonly #writes: WriteQueue;
  readonly #retention: Retention;
  #produces = 0;
  #messagesWritten = 0;

  /** Opens the file; throws as `openDatabase` does. */
  constructor({ path, busyMsMax }: WorkerOptions, answers: Answers) {
    this.#path = path;
    this.#answers = answers;
    this.#database = openDatabase(path, busyMsMax);
    this.#topics = new Topics(this.#database);
    this.#messages = new Messages(this.#database);
    this.#reads = new WaitingReads(this.#database, path, busyMsMax, this.#topics, this.#messages);
    this.#writes = new WriteQueue(this.#database, path, busyMsMax, () => this.#reads.wake());
    this.#retention = new Retention(this.#database, this.#topics, this.#messages, this.#writes);
  }

  handle(request: Request): void {
    const { id } = request;
    switch (request.call) {
      case 'produce':
        return this.#produce(request);
      case 'read':
        return this.#read(request);
      case 'abort':
        return this.#reads.abort(id);
      case 'position':
        return this.#look(id, () => this.#topics.position(request.group, request.topic, request.partition));
      case 'commit':
        return this.#write(id, () =>
          this.#topics.commit(request.group, request.topic, request.partition, request.next),
        );
      case 'describe':
        return this.#look(id, () => this.#describe(request.topic));
      case 'ensureTopics':
        return this.#write(id, () => this.#topics.ensure(request.specs));
      case 'deleteTopic':
        return this.#write(id, () => this.#delete(request.topic));
      case 'retain':
        return this.#settle(id, this.#retention.run(request.nowMs));
      case 'stats':
        return this.#look(id, () => this.#stats());
      case 'close':
        return this.#settle(id, this.#close());
    }
  }

  #produce(request: CallRequest<'produce'>): void {
    const { id, topic, partition, nowMs, values } = request;
    let offsets: number[] = [];
    // At once, not when this thread, which makes little garbage, next collects it: by then it would be tens of megabytes.
    const letGo = (): unknown => (values.buffer as ArrayBuffer).transfer(0);
    this.#writes.push({
      bytes: values.byteLength,
      apply: () => {
        offsets = this.#messages.append(this.#topics.partition(topic, partition), request);
        this.#retention.afterProduce(topic, partition, nowMs);
      },
      done: () => {
        this.#produces++;
        this.#messagesWritten += offsets.length;
        letGo();
        this.#answers.answer(id, offsets);
      },
      failed: (error) => {
        letGo();
        this.#answers.refuse(id, error);
      },
    });
  }

  #read(request: CallRequest<'read'>): void {
    const { id } = request;
    this.#reads.read(
      id,
      request,
      // node:sqlite makes a buffer of its own for each value.
      (found) =>
        this.#answers.answer(
          id,
          found,
          found.values.map((value) => value.buffer as ArrayBuffer),
        ),
      (error) => this.#answers.refuse(id, error),
    );
  }

  /** Queue a write that has no answer but that it is done. */
  #write(id: number, apply: () => void): void {
    this.#writes.push({
      bytes: 0,
      apply,
      done: () => this.#answers.answer(id, null),
      failed: (error) => this.#answers.refuse(id, error),
    });
  }

  /** Answer from a snapshot, or say why not. */
  #look(id: number, body: () => Answer): void {
    try {
      this.#answers.answer(id, onSnapshot(this.#database, body));
    } catch (error) {
      this.#answers.refuse(id, fromSqlite(error, this.#path));
    }
  }

  #settle(id: number, work: Promise<void>): void {
    work.then(
      () => this.#answers.answer(id, null),
      (error: unknown) => this.#answers.refuse(id, fromSqlite(error, this.#path)),
    );
  }

  #describe(topic: string): TopicAnswer {
    const partitions = this.#topics.partitions(topic);
    return {
      topicId: partitions[0]?.topicId ?? '',
      partitions: partitions.map(({ start, end }) => ({ start: start as Offset, end: end as Offset })),
    };
  }

  #delete(topic: string): void {
    for (const partition of this.#topics.partitions(topic)) this.#messages.deleteAll(partition);
    this.#topics.delete(topic);
  }

  #stats(): WorkerStats {
    const pageBytes = pragma(this.#database, 'page_size');
    return {
      transactions: this.#writes.transactions,
      produces: this.#produces,
      messagesWritten: this.#messagesWritten,
      messagesTrimmed: this.#retention.messagesTrimmed,
      busyRetries: this.#writes.busyRetries,
      polls: this.#reads.polls,
      readsWaiting: this.#reads.count,
      databaseBytes: pragma(this.#database, 'page_count') * pageBytes,
      freeBytes: pragma(this.#database, 'freelist_count') * pageBytes,
    };
  }

  async #close(): Promise<void> {
    const path = this.#path;
    this.#reads.close(
      new WeirError('WEIR_TRANSPORT_CLOSED', `${path}: the log was closed while a read waited`, { path }),
    );
    await this.#writes.close();
    this.#database.close();
    this.#answers.ended();
  }
}
