/** The main thread's side of the worker: matches replies to calls, and notices when the thread ends. */
import { Worker } from 'node:worker_threads';
import { WeirError } from '../../contract/errors.ts';
import type { Call, Calls, Reply, Request, WorkerOptions } from './protocol.ts';
import { fromAnswer } from './sqlite-errors.ts';

interface Pending {
  readonly resolve: (answer: never) => void;
  readonly reject: (error: Error) => void;
}

/** The worker beside this file: `.ts` from a clone, `.js` from a build. */
const WORKER_URL = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

export class WorkerClient {
  readonly #worker: Worker;
  readonly #path: string;
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  #ended: WeirError | null = null;

  private constructor(options: WorkerOptions) {
    this.#path = options.path;
    this.#worker = new Worker(WORKER_URL, { workerData: options, name: 'weir-log' });
    this.#worker.on('message', (reply: Reply) => this.#settle(reply));
    this.#worker.on('error', (error) => this.#end(error));
    this.#exited = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#end(undefined);
        resolve();
      });
    });
  }

  /** Resolves when the file is open; rejects with the reason why not, the thread ended. */
  static async start(options: WorkerOptions): Promise<WorkerClient> {
    const client = new WorkerClient(options);
    try {
      await new Promise<null>((resolve, reject) => client.#pending.set(0, { resolve, reject }));
    } catch (error) {
      await client.#worker.terminate();
      throw error;
    }
    client.#idle();
    return client;
  }

  /** The id is for `abort`. `transfer`red buffers are gone for the caller. */
  call<K extends Call>(
    call: K,
    args: Calls[K]['arguments'],
    transfer: readonly ArrayBuffer[] = [],
  ): { readonly id: number; readonly answer: Promise<Calls[K]['answer']> } {
    const id = this.#nextId++;
    if (this.#ended !== null) return { id, answer: Promise.reject(this.#ended) };
    if (this.#pending.size === 0) this.#worker.ref();
    const answer = new Promise<Calls[K]['answer']>((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    this.#worker.postMessage({ id, call, ...args } as Request, transfer);
    return { id, answer };
  }

  abort(id: number): void {
    const request: Request = { id, call: 'abort' };
    this.#worker.postMessage(request);
  }

  /** Everything queued settles, then the thread ends. */
  async close(): Promise<void> {
    if (this.#ended === null) await this.call('close', {}).answer;
    this.#worker.ref();
    await this.#exited;
  }

  #settle(reply: Reply): void {
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    this.#pending.delete(reply.id);
    if (reply.ok) pending.resolve(reply.answer as never);
    else pending.reject(fromAnswer(reply.error));
    this.#idle();
  }

  /** A log that nobody waits for does not keep the process alive. */
  #idle(): void {
    if (this.#pending.size === 0) this.#worker.unref();
  }

  #end(cause: Error | undefined): void {
    this.#ended ??=
      cause === undefined
        ? new WeirError('WEIR_TRANSPORT_CLOSED', `${this.#path}: the log is closed`, { path: this.#path })
        : new WeirError(
            'WEIR_INTERNAL',
            `${this.#path}: the log's thread died: ${cause.message}`,
            { path: this.#path },
            cause,
          );
    for (const pending of this.#pending.values()) pending.reject(this.#ended);
    this.#pending.clear();
  }
}
