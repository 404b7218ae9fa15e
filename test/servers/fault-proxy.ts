/**
 * A TCP proxy in front of a Kafka broker that does what no broker here does on demand: answers lost after the request was
 * applied, answers never given, spoilt bytes, connections cut in the middle of a frame, delays. It knows Kafka's frames
 * (length, API key, correlation id) and nothing else of the protocol. Faults are seeded and counted when they happened.
 */
import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { randomFrom } from '../integration/transport-random.ts';

export const API = { produce: 0, fetch: 1, metadata: 3, offsetCommit: 8, heartbeat: 12, joinGroup: 11 } as const;

export type FaultKind = 'answerLost' | 'answerSwallowed' | 'answerSpoilt' | 'cut' | 'delayed';

interface Planned {
  readonly kind: 'answerLost' | 'answerSwallowed' | 'answerSpoilt';
  readonly apiKey: number;
  left: number;
}

/** Of a thousand frames, by kind; what is left passes. */
export type FaultRates = Partial<Record<FaultKind, number>>;

const SIZE_BYTES = 4;

export class FaultProxy {
  readonly counts: Record<FaultKind, number> = {
    answerLost: 0,
    answerSwallowed: 0,
    answerSpoilt: 0,
    cut: 0,
    delayed: 0,
  };
  /** The broker's own port: known only after the proxy, whose port the broker tells its clients. */
  target = 0;
  /** Of each frame, both ways: up to so long. */
  delayMsMax = 0;
  rates: FaultRates = {};
  readonly #server: Server;
  readonly #random: (bound: number) => number;
  readonly #pairs = new Set<Pair>();
  readonly #planned: Planned[] = [];
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
  loseAnswers(apiKey: number, count: number): void {
    this.#planned.push({ kind: 'answerLost', apiKey, left: count });
  }

  /** As above, and the connection stays: nobody ever answers. */
  swallowAnswers(apiKey: number, count: number): void {
    this.#planned.push({ kind: 'answerSwallowed', apiKey, left: count });
  }

  /** A bit of the last quarter of the answer is flipped: in a fetch with messages, in a record batch. */
  spoilAnswers(apiKey: number, count: number): void {
    this.#planned.push({ kind: 'answerSpoilt', apiKey, left: count });
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
    const pair = new Pair(client, dial(this.target, '127.0.0.1'), (frame, apiKey) => this.#decide(frame, apiKey));
    this.#pairs.add(pair);
    pair.onEnd = () => this.#pairs.delete(pair);
  }

  /** `apiKey` null: a request on its way to the broker. */
  #decide(frame: Buffer, apiKey: number | null): Verdict {
    if (apiKey !== null) {
      const planned = this.#planned.find((each) => each.apiKey === apiKey && each.left > 0);
      if (planned !== undefined && (planned.kind !== 'answerSpoilt' || this.#hasRecords(frame))) {
        planned.left--;
        return this.#fault(planned.kind, frame);
      }
    }
    const kind = this.#drawn(apiKey !== null);
    return kind === null ? this.#passed(frame) : this.#fault(kind, frame);
  }

  /** An answer to a fetch without messages has nothing to spoil that a checksum covers. */
  #hasRecords(frame: Buffer): boolean {
    return frame.length > 200;
  }

  #drawn(isAnswer: boolean): FaultKind | null {
    let drawn = this.#random(1000);
    for (const kind of ['cut', 'delayed', 'answerLost', 'answerSwallowed', 'answerSpoilt'] as const) {
      const rate = this.rates[kind] ?? 0;
      if (drawn < rate && (isAnswer || kind === 'cut' || kind === 'delayed')) return kind;
      drawn -= rate;
    }
    return null;
  }

  #fault(kind: FaultKind, frame: Buffer): Verdict {
    this.counts[kind]++;
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

type Decide = (frame: Buffer, apiKey: number | null) => Verdict;

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
    this.#forward(client, broker, (frame) => {
      this.#asked.set(frame.readInt32BE(SIZE_BYTES + 4), frame.readInt16BE(SIZE_BYTES));
      return decide(frame, null);
    });
    this.#forward(broker, client, (frame) => {
      const id = frame.readInt32BE(SIZE_BYTES);
      const apiKey = this.#asked.get(id) ?? -1;
      this.#asked.delete(id);
      return decide(frame, apiKey);
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
  #forward(from: Socket, to: Socket, decide: (frame: Buffer) => Verdict): void {
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
        sent = sent.then(() => this.#send(to, verdict));
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
