/**
 * Stands between a client and an HTTP server, and does what networks and overloaded servers do: refuses, loses
 * answers, answers late, applies requests long after the client gave up, cuts connections. By seed: the same requests
 * in the same order meet the same faults. Signed requests pass, because the Host header stays the client's.
 */
import {
  Agent,
  createServer,
  type IncomingMessage,
  request as send,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export const FAULT_KINDS = [
  /** 500, 503, or for a PUT 409, and the request does not reach the server. */
  'refused',
  /** The connection ends before the request reaches the server. */
  'cut_request',
  /** The server did it; the connection ends without an answer. */
  'lost_answer',
  /** The server did it; the connection ends in the middle of the answer. */
  'cut_answer',
  /** The answer comes after `slowMs`. */
  'slow',
  /** The connection ends at once; the request reaches the server after up to `lateMs`. */
  'late',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];
export type FaultRates = Partial<Readonly<Record<FaultKind, number>>>;

export interface FaultProxyOptions {
  /** `http://host:port`. */
  readonly target: string;
  readonly seed: number;
  /** Chance of each kind, by request; together at most 1. */
  readonly rates?: FaultRates;
  readonly slowMs?: number;
  readonly lateMs?: number;
}

/** How servers say that there is no room. */
export const FULL_ANSWERS = [
  [507, 'QuotaExceeded'],
  [403, 'QuotaExceeded'],
  [507, 'XMinioStorageFull'],
  [507, 'InsufficientStorage'],
] as const;

interface Planned {
  readonly kind: FaultKind;
  readonly applies: (request: IncomingMessage) => boolean;
}

/** A request that was stopped on its way. */
export interface HeldRequest {
  readonly path: string;
  /** Lets it go on to the server, whether its client still waits or not; resolves once it was answered. */
  release(): Promise<void>;
}

interface Trap {
  readonly applies: (request: IncomingMessage) => boolean;
  readonly fault: FaultKind | null;
  readonly caught: (held: HeldRequest) => void;
}

const BODY_BYTES_MAX = 256 * 1024 * 1024;
const REFUSALS = [
  [500, 'InternalError'],
  [503, 'SlowDown'],
  [409, 'ConditionalRequestConflict'],
] as const;

export class HttpFaultProxy {
  rates: FaultRates;
  /** How often each kind was delivered. */
  readonly delivered: Record<FaultKind, number> = {
    refused: 0,
    cut_request: 0,
    lost_answer: 0,
    cut_answer: 0,
    slow: 0,
    late: 0,
  };
  requests = 0;
  /** While it is true every PUT is refused as by a bucket that has no room. */
  isFull = false;
  /** How a full bucket answers, and for which paths there is no room. */
  fullAnswer: (typeof FULL_ANSWERS)[number] = FULL_ANSWERS[0];
  fullPath: RegExp = /./;
  /** PUTs that were told so. */
  refusedFull = 0;
  /** Told of each fault once it happened: of a late request when the server has answered it. */
  onFault: (kind: FaultKind | 'full', method: string) => void = () => undefined;
  readonly #traps: Trap[] = [];
  readonly #target: URL;
  readonly #slowMs: number;
  readonly #lateMs: number;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #server: Server;
  readonly #planned: Planned[] = [];
  readonly #under = new Set<Promise<void>>();
  #random: () => number;

  private constructor(options: FaultProxyOptions) {
    this.#target = new URL(options.target);
    this.#random = mulberry32(options.seed);
    this.rates = options.rates ?? {};
    this.#slowMs = options.slowMs ?? 500;
    this.#lateMs = options.lateMs ?? 3000;
    this.#server = createServer((request, response) => this.#track(this.#serve(request, response)));
  }

  static async start(options: FaultProxyOptions): Promise<HttpFaultProxy> {
    const proxy = new HttpFaultProxy(options);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject);
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get faults(): number {
    return Object.values(this.delivered).reduce((sum, count) => sum + count, 0);
  }

  /** The next request that fits meets this fault, whatever the rates say. */
  plan(kind: FaultKind, method: string, path: RegExp = /./): void {
    const applies = (request: IncomingMessage): boolean => request.method === method && path.test(request.url ?? '');
    this.#planned.push({ kind, applies });
  }

  /**
   * The next such request is stopped before the server has it, and meets `fault` when it goes on; null: none came in time.
   */
  async hold(
    method: string,
    path: RegExp,
    withinMs: number,
    fault: FaultKind | null = null,
  ): Promise<HeldRequest | null> {
    const { promise, resolve } = Promise.withResolvers<HeldRequest | null>();
    const applies = (request: IncomingMessage): boolean => request.method === method && path.test(request.url ?? '');
    const trap = { applies, fault, caught: resolve };
    this.#traps.push(trap);
    const timer = setTimeout(() => {
      const at = this.#traps.indexOf(trap);
      if (at >= 0) this.#traps.splice(at, 1);
      resolve(null);
    }, withinMs);
    const held = await promise;
    clearTimeout(timer);
    return held;
  }

  /** Resolves when nothing is under way, late requests included. */
  async settle(): Promise<void> {
    while (this.#under.size > 0) await Promise.all(this.#under);
  }

  async close(): Promise<void> {
    this.rates = {};
    await this.settle();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#agent.destroy();
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#under.delete(tracked));
    this.#under.add(tracked);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    // A client that gave up, or a server that is gone: either end of the connection just ends.
    response.on('error', () => response.destroy());
    const at = this.#traps.findIndex((trap) => trap.applies(request));
    const trap = at < 0 ? null : this.#traps.splice(at, 1)[0]!;
    const isFull = this.isFull && request.method === 'PUT' && this.fullPath.test(request.url ?? '');
    const fault = trap !== null ? trap.fault : isFull ? 'full' : this.#choose(request);
    if (fault !== null && fault !== 'full') this.delivered[fault]++;
    const answered = Promise.withResolvers<void>();
    try {
      const body = await readAll(request);
      if (trap !== null) await stopped(trap, request, answered.promise);
      await this.#answer(fault, request, body, response);
      if (fault !== null) this.onFault(fault, request.method ?? '');
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      response.destroy();
    } finally {
      answered.resolve();
    }
  }

  async #answer(
    fault: FaultKind | 'full' | null,
    request: IncomingMessage,
    body: Buffer,
    response: ServerResponse,
  ): Promise<void> {
    if (fault === 'refused') return this.#refuse(request, response);
    if (fault === 'full') {
      this.refusedFull++;
      const [status, code] = this.fullAnswer;
      return sayRefused(response, status, code, true);
    }
    if (fault === 'cut_request' || fault === 'late') {
      response.destroy();
      if (fault === 'cut_request') return;
      await pause(this.#random() * this.#lateMs);
      await this.#forward(request, body);
      return;
    }
    const answer = await this.#forward(request, body);
    if (fault === 'lost_answer') return void response.destroy();
    if (fault === 'slow') await pause(this.#slowMs);
    response.writeHead(answer.status, answer.rawHeaders);
    if (fault !== 'cut_answer') return void response.end(answer.body);
    response.write(answer.body.subarray(0, answer.body.length >> 1));
    response.flushHeaders();
    await pause(5);
    response.destroy();
  }

  #refuse(request: IncomingMessage, response: ServerResponse): void {
    const choices = request.method === 'PUT' ? REFUSALS.length : REFUSALS.length - 1;
    const [status, code] = REFUSALS[Math.floor(this.#random() * choices)]!;
    sayRefused(response, status, code, request.method !== 'HEAD');
  }

  #choose(request: IncomingMessage): FaultKind | null {
    const at = this.#planned.findIndex((planned) => planned.applies(request));
    if (at >= 0) return this.#planned.splice(at, 1)[0]!.kind;
    let chance = this.#random();
    for (const kind of FAULT_KINDS) {
      chance -= this.rates[kind] ?? 0;
      if (chance < 0) return kind;
    }
    return null;
  }

  async #forward(request: IncomingMessage, body: Buffer) {
    const { hostname, port } = this.#target;
    const { method, url } = request;
    const headers = { ...request.headers };
    // The proxy has answered it already.
    delete headers['expect'];
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { hostname, port, method, path: url, headers, agent: this.#agent };
      const forwarded = send(options, resolve);
      forwarded.once('error', reject);
      forwarded.end(body);
    });
    return { status: answer.statusCode ?? 502, rawHeaders: answer.rawHeaders, body: await readAll(answer) };
  }
}

function stopped(trap: Trap, request: IncomingMessage, answered: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const release = (): Promise<void> => {
      resolve();
      return answered;
    };
    trap.caught({ path: request.url ?? '', release });
  });
}

function sayRefused(response: ServerResponse, status: number, code: string, hasBody: boolean): void {
  response.writeHead(status, { 'content-type': 'application/xml' });
  const text = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>by the proxy</Message></Error>`;
  response.end(hasBody ? text : undefined);
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new Error(`a body of more than ${BODY_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A small seeded generator (Tommy Ettinger's mulberry32). */
function mulberry32(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
