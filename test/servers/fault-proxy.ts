/**
 * A TCP proxy in front of a Kafka broker that does what no broker here does on demand: answers lost after the request was
 * applied, answers never given, spoilt bytes, connections cut in the middle of a frame, delays. It knows Kafka's frames
 * (length, API key, correlation id) and nothing else of the protocol. Faults are seeded and counted when they happened.
 */
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { randomFrom } from '../integration/transport-random.ts';

export const API = { produce: 0, fetch: 1, metadata: 3, offsetCommit: 8, heartbeat: 12, joinGroup: 11 } as const;

export type FaultKind = 'answerLost' | 'answerSwallowed' | 'answerSpoilt' | 'cut' | 'delayed' | 'late';

/** A frame of a client of that name (the beginning is enough), to that API. */
export interface Aim {
  readonly apiKey: number;
  readonly client?: string;
}

interface Planned extends Aim {
  readonly kind: 'answerLost' | 'answerSwallowed' | 'answerSpoilt' | 'late';
  left: number;
}

interface Trap extends Aim {
  readonly isAnswer: boolean;
  readonly caught: (held: Held) => void;
}

/** A frame that was stopped on its way: what happens to it next is the test's choice. */
export interface Held {
  readonly client: string;
  pass(): void;
  /** It never arrives, and the connection ends. */
  drop(): void;
}

const KINDS = ['cut', 'delayed', 'late', 'answerLost', 'answerSwallowed', 'answerSpoilt'] as const;
const ON_REQUESTS: ReadonlySet<FaultKind> = new Set(['cut', 'delayed', 'late']);

/** Of a thousand frames, by kind; what is left passes. */
export type FaultRates = Partial<Record<FaultKind, number>>;

const SIZE_BYTES = 4;
const LATE_ANSWER_MS = 5000;

export class FaultProxy {
  readonly counts: Record<FaultKind, number> = {
    answerLost: 0,
    answerSwallowed: 0,
    answerSpoilt: 0,
    cut: 0,
    delayed: 0,
    late: 0,
  };
  /** Told of every fault when it happened; late requests when the broker has answered them. */
  onFault: (kind: FaultKind, client: string, apiKey: number) => void = () => undefined;
  /** Clients whose names begin so pass untouched. */
  exempt: string | null = null;
  /** A late request reaches the broker after so long: the client has given up, and perhaps ended, by then. */
  lateMs = 4000;
  /** The broker's own port: known only after the proxy, whose port the broker tells its clients. */
  target = 0;
  /** Of each frame, both ways: up to so long. */
  delayMsMax = 0;
  rates: FaultRates = {};
  readonly #server: Server;
  readonly #random: (bound: number) => number;
  readonly #pairs = new Set<Pair>();
  readonly #planned: Planned[] = [];
  readonly #traps: Trap[] = [];
  readonly #late = new Set<Promise<void>>();
  #isRefusing = false;

  private constructor(server: Server, seed: number) {
    this.#server = server;
    this.#random = randomFrom(seed);
    server.on('connection', (client) => this.#accept(client));
  }

  static async start(seed = 1): Promise<FaultProxy> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    return new FaultProxy(server, seed);
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  get connectionsCount(): number {
    return this.#pairs.size;
  }

  /** The next `count` answers to that API: the request is applied, the connection is cut in place of the answer. */
  loseAnswers(apiKey: number, count: number, client = ''): void {
    this.#planned.push({ kind: 'answerLost', apiKey, client, left: count });
  }

  /** As above, and the connection stays: nobody ever answers. */
  swallowAnswers(apiKey: number, count: number, client = ''): void {
    this.#planned.push({ kind: 'answerSwallowed', apiKey, client, left: count });
  }

  /** A bit of the last quarter of the answer is flipped: in a fetch with messages, in a record batch. */
  spoilAnswers(apiKey: number, count: number, client = ''): void {
    this.#planned.push({ kind: 'answerSpoilt', apiKey, client, left: count });
  }

  /** The next `count` such requests: the connection is cut, and the request reaches the broker `lateMs` later. */
  delayRequests(apiKey: number, count: number, client = ''): void {
    this.#planned.push({ kind: 'late', apiKey, client, left: count });
  }

  /** The next such frame is stopped: a request before the broker has it, or an answer after. Null: none came in time. */
  async hold(aim: Aim, isAnswer: boolean, withinMs: number): Promise<Held | null> {
    const { promise, resolve } = Promise.withResolvers<Held | null>();
    const trap = { ...aim, isAnswer, caught: resolve };
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

  /** Resolves when no late request is on its way any more. */
  async settle(): Promise<void> {
    while (this.#late.size > 0) await Promise.all(this.#late);
  }

  /** Nothing that is planned happens any more. */
  calm(): void {
    this.#planned.length = 0;
    this.rates = {};
    this.delayMsMax = 0;
    this.#isRefusing = false;
  }

  /** All connections end now; `refuse`: and new ones at once, until `calm`. */
  cutAll(refuse = false): void {
    this.#isRefusing = refuse;
    for (const pair of this.#pairs) {
      this.counts.cut++;
      pair.end();
    }
  }

  async stop(): Promise<void> {
    for (const pair of this.#pairs) pair.end();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(client: Socket): void {
    if (this.#isRefusing) {
      client.destroy();
      return;
    }
    const decide: Decide = (frame, apiKey, isAnswer, name) => this.#decide(frame, apiKey, isAnswer, name);
    const pair = new Pair(client, dial(this.target, '127.0.0.1'), decide);
    this.#pairs.add(pair);
    pair.onEnd = () => this.#pairs.delete(pair);
  }

  #decide(frame: Buffer, apiKey: number, isAnswer: boolean, client: string): Verdict | Promise<Verdict> {
    if (this.exempt !== null && client.startsWith(this.exempt)) return this.#passed(frame);
    const aimed = (aim: Aim): boolean => aim.apiKey === apiKey && client.startsWith(aim.client ?? '');
    const trapped = this.#traps.findIndex((trap) => trap.isAnswer === isAnswer && aimed(trap));
    if (trapped >= 0) return this.#hold(this.#traps.splice(trapped, 1)[0]!, frame, client);
    const planned = this.#planned.find((each) => each.left > 0 && aimed(each) && isAnswer !== (each.kind === 'late'));
    if (planned !== undefined && (planned.kind !== 'answerSpoilt' || this.#hasRecords(frame))) {
      planned.left--;
      return this.#fault(planned.kind, frame, apiKey, client);
    }
    const kind = this.#drawn(isAnswer);
    // Only record batches have a checksum: what else would be spoilt, TCP's own would have caught.
    const passes = kind === null || (kind === 'answerSpoilt' && (apiKey !== API.fetch || !this.#hasRecords(frame)));
    return passes ? this.#passed(frame) : this.#fault(kind, frame, apiKey, client);
  }

  #hold(trap: Trap, frame: Buffer, client: string): Promise<Verdict> {
    return new Promise((resolve) => {
      const pass = (): void => resolve(this.#passed(frame));
      const drop = (): void => resolve({ bytes: null, delayMs: 0, isEnd: true });
      trap.caught({ client, pass, drop });
    });
  }

  /** An answer to a fetch without messages has nothing to spoil that a checksum covers. */
  #hasRecords(frame: Buffer): boolean {
    return frame.length > 200;
  }

  #drawn(isAnswer: boolean): FaultKind | null {
    let drawn = this.#random(1000);
    for (const kind of KINDS) {
      const rate = this.rates[kind] ?? 0;
      if (drawn < rate) return isAnswer ? (kind === 'late' ? null : kind) : ON_REQUESTS.has(kind) ? kind : null;
      drawn -= rate;
    }
    return null;
  }

  #fault(kind: FaultKind, frame: Buffer, apiKey: number, client: string): Verdict {
    if (kind === 'late') {
      this.#deliverLate(frame, () => this.#count(kind, client, apiKey));
      return { bytes: null, delayMs: 0, isEnd: true };
    }
    this.#count(kind, client, apiKey);
    switch (kind) {
      case 'answerLost':
        return { bytes: null, delayMs: 0, isEnd: true };
      case 'answerSwallowed':
        return { bytes: null, delayMs: 0, isEnd: false };
      case 'cut':
        return { bytes: frame.subarray(0, this.#random(frame.length)), delayMs: 0, isEnd: true };
      case 'answerSpoilt':
        return { ...this.#passed(spoilt(frame, this.#random)) };
      case 'delayed':
        return { bytes: frame, delayMs: 1 + this.#random(Math.max(1, this.delayMsMax)), isEnd: false };
    }
  }

  #count(kind: FaultKind, client: string, apiKey: number): void {
    this.counts[kind]++;
    this.onFault(kind, client, apiKey);
  }

  /** On a connection of its own, whatever became of the client. */
  #deliverLate(frame: Buffer, answered: () => void): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#late.add(promise);
    void promise.then(() => this.#late.delete(promise));
    setTimeout(() => {
      const socket = dial(this.target, '127.0.0.1');
      socket.setTimeout(LATE_ANSWER_MS, () => socket.destroy());
      socket.once('data', () => {
        answered();
        socket.destroy();
      });
      // The broker may be gone: then it was never applied, and does not count.
      socket.on('error', () => socket.destroy());
      socket.on('close', () => resolve());
      socket.write(frame);
    }, this.lateMs);
  }

  #passed(frame: Buffer): Verdict {
    return { bytes: frame, delayMs: 0, isEnd: false };
  }
}

function spoilt(frame: Buffer, random: (bound: number) => number): Buffer {
  const copy = Buffer.from(frame);
  const quarter = Math.floor(copy.length / 4);
  const at = copy.length - quarter + random(Math.max(1, quarter - 16));
  copy[at] = (copy[at] ?? 0) ^ (1 << random(8));
  return copy;
}

interface Verdict {
  /** Null: nothing is passed on. */
  readonly bytes: Buffer | null;
  readonly delayMs: number;
  readonly isEnd: boolean;
}

type Decide = (frame: Buffer, apiKey: number, isAnswer: boolean, client: string) => Verdict | Promise<Verdict>;

/** Request header: size, API, version, correlation id, client id. */
function clientIdOf(request: Buffer): string {
  const at = SIZE_BYTES + 8;
  const length = request.length >= at + 2 ? request.readInt16BE(at) : -1;
  return length > 0 ? request.toString('utf8', at + 2, at + 2 + length) : '';
}

/** A client's connection and the one to the broker that belongs to it. */
class Pair {
  readonly #client: Socket;
  readonly #broker: Socket;
  /** API of each request that is not answered yet, by correlation id. */
  readonly #asked = new Map<number, number>();
  onEnd: () => void = () => undefined;
  #hasEnded = false;

  constructor(client: Socket, broker: Socket, decide: Decide) {
    this.#client = client;
    this.#broker = broker;
    let name = '';
    this.#forward(client, broker, (frame) => {
      const apiKey = frame.readInt16BE(SIZE_BYTES);
      this.#asked.set(frame.readInt32BE(SIZE_BYTES + 4), apiKey);
      name = clientIdOf(frame) || name;
      return decide(frame, apiKey, false, name);
    });
    this.#forward(broker, client, (frame) => {
      const id = frame.readInt32BE(SIZE_BYTES);
      const apiKey = this.#asked.get(id) ?? -1;
      this.#asked.delete(id);
      return decide(frame, apiKey, true, name);
    });
    for (const socket of [client, broker]) {
      socket.on('error', () => this.end());
      socket.on('close', () => this.end());
    }
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#client.destroy();
    this.#broker.destroy();
    this.onEnd();
  }

  /** Whole frames, in order; a delayed one holds up those behind it. */
  #forward(from: Socket, to: Socket, decide: (frame: Buffer) => Verdict | Promise<Verdict>): void {
    let pending: Buffer = Buffer.alloc(0);
    let sent = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      while (pending.length >= SIZE_BYTES) {
        const size = SIZE_BYTES + pending.readInt32BE(0);
        if (pending.length < size) break;
        const frame = pending.subarray(0, size);
        pending = pending.subarray(size);
        const verdict = decide(frame);
        sent = sent.then(async () => this.#send(to, await verdict));
      }
    });
  }

  async #send(to: Socket, { bytes, delayMs, isEnd }: Verdict): Promise<void> {
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    if (this.#hasEnded) return;
    if (bytes !== null && isEnd) await new Promise((resolve) => to.write(bytes, resolve));
    else if (bytes !== null) to.write(bytes);
    if (isEnd) this.end();
  }
}
