/** A small world of reporters that claim addresses, lose messages, crash and come back; all from one seed. */
import { Method, OwnershipKind, type ReporterKind, type Workload } from '../../schemas/generated/common.ts';
import { ClaimColumns, type OwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import { address, workload } from '../fixtures/enricher-messages.ts';

/** xorshift128: the same numbers for the same seed, everywhere. */
export class Random {
  #x: number;
  #y = 362436069;
  #z = 521288629;
  #w = 88675123;

  constructor(seed: number) {
    this.#x = seed | 0 || 1;
    for (let i = 0; i < 16; i += 1) this.below(2);
  }

  /** A whole number in [0, n). */
  below(n: number): number {
    const t = this.#x ^ (this.#x << 11);
    this.#x = this.#y;
    this.#y = this.#z;
    this.#z = this.#w;
    this.#w = this.#w ^ (this.#w >>> 19) ^ t ^ (t >>> 8);
    return (this.#w >>> 0) % n;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    const one = list[this.below(list.length)];
    if (one === undefined) throw new Error('nothing to pick from');
    return one;
  }
}

export const NETWORKS: readonly string[] = ['east', 'west'];
export const ADDRESSES: readonly string[] = [
  '10.1.0.1',
  '10.1.0.2',
  '10.1.0.3',
  '10.2.0.1',
  '10.2.7.9',
  '198.51.100.7',
  'fd00:1::5',
];
export const PORTS: readonly number[] = [80, 443, 9000];
export const OWNERS: readonly Workload[] = [
  ...['a', 'b', 'c', 'd'].map((name) => workload(name)),
  // One instance, known under two names, and one that was relabelled.
  workload('a', { name: 'a-full', labels: '{"v":1}' }),
  workload('b', { labels: '{"v":2}' }),
  // No uid: all of it counts.
  workload('e', { instanceUid: '' }),
  workload('f', { instanceUid: '' }),
];
const PREFIXES: readonly (readonly [string, number])[] = [
  ['10.1.0.0', 112],
  ['10.1.0.0', 120],
  ['10.0.0.0', 104],
  ['fd00:1::', 32],
];

interface HeldClaim {
  addr: string;
  prefixLength: number;
  port: number;
  method: number;
  who: Workload | null;
  earliest: number;
  from: number;
  to: number;
  latest: number;
}

interface Speaker {
  readonly name: string;
  readonly kind: ReporterKind;
  readonly network: string;
  readonly intervalMs: number;
  readonly skewUs: number;
  epoch: number;
  seq: number;
  lastUs: number;
  held: HeldClaim[];
  ended: HeldClaim[];
}

export class World {
  readonly random: Random;
  nowUs = 10_000;
  readonly #speakers: Speaker[];
  readonly #sent: OwnershipMessage[] = [];
  /** Where something begins or ends: the instants at which an answer changes. */
  readonly #edges: number[] = [0];

  constructor(seed: number) {
    this.random = new Random(seed);
    const count = 1 + this.random.below(4);
    this.#speakers = Array.from({ length: count }, (_, i) => ({
      name: `n${i}`,
      kind: this.random.chance(70) ? 0 : this.random.chance(50) ? 1 : 2,
      network: this.random.chance(75) ? 'east' : 'west',
      intervalMs: 1 + this.random.below(3),
      skewUs: this.random.chance(80) ? 0 : this.random.below(9000) - 4500,
      epoch: 0,
      seq: 0,
      lastUs: 0,
      held: [],
      ended: [],
    }));
  }

  /** Time goes on, somebody speaks; null when the message is lost. */
  next(): OwnershipMessage | null {
    const { random } = this;
    this.nowUs += random.below(1500);
    if (random.chance(5) && this.#sent.length > 0) return random.pick(this.#sent);
    const speaker = random.pick(this.#speakers);
    if (random.chance(8)) this.#restart(speaker);
    const asOfUs = Math.max(0, this.nowUs + speaker.skewUs - random.below(200));
    const changed = this.#live(speaker, asOfUs);
    const message = this.#message(speaker, asOfUs, changed);
    speaker.seq += 1;
    speaker.lastUs = asOfUs;
    this.#edges.push(asOfUs);
    for (let i = 0; i < message.claims.length; i += 1) {
      const { earliestUs, fromUs, toUs, latestUs } = message.claims;
      for (const edge of [earliestUs[i], fromUs[i], toUs[i], latestUs[i]])
        if (edge !== undefined) this.#edges.push(edge);
    }
    this.#sent.push(message);
    return random.chance(6) ? null : message;
  }

  /** Anywhere around what was spoken of: before, in the middle, ahead of everybody. */
  time(): number {
    if (this.random.chance(60)) return Math.max(0, this.random.pick(this.#edges) + this.random.below(5) - 2);
    return Math.max(0, this.random.below(this.nowUs + 4000));
  }

  #restart(speaker: Speaker): void {
    speaker.epoch += 1;
    speaker.seq = this.random.chance(90) ? 0 : 3;
    speaker.ended = [];
    speaker.held = speaker.held.filter(() => this.random.chance(70));
    // A new life says what it sees from when it looks; some reporters know the true beginning.
    if (speaker.kind === 0) for (const claim of speaker.held) claim.earliest = claim.from = this.nowUs + speaker.skewUs;
  }

  /** Claims begin and end; those that changed. */
  #live(speaker: Speaker, asOfUs: number): HeldClaim[] {
    const { random } = this;
    const changed: HeldClaim[] = [];
    for (let i = random.below(3); i > 0; i -= 1) {
      if (speaker.held.length > 0 && random.chance(45)) {
        const [claim] = speaker.held.splice(random.below(speaker.held.length), 1);
        if (claim === undefined) continue;
        claim.to = Math.max(claim.from, asOfUs - random.below(600));
        claim.latest = random.chance(10) ? -1 : claim.to + random.below(600);
        if (random.chance(90)) changed.push(claim);
      } else {
        const claim = this.#claim(asOfUs);
        if (random.chance(80)) speaker.held.push(claim);
        else {
          claim.to = claim.from + random.below(400);
          claim.latest = claim.to + random.below(300);
        }
        changed.push(claim);
      }
    }
    return changed;
  }

  #claim(asOfUs: number): HeldClaim {
    const { random } = this;
    const from = Math.max(0, asOfUs - random.below(2000));
    const times = {
      earliest: Math.max(0, from - (random.chance(50) ? 0 : random.below(800))),
      from,
      to: -1,
      latest: -1,
    };
    if (random.chance(12)) {
      const [addr, prefixLength] = random.pick(PREFIXES);
      return {
        addr,
        prefixLength,
        port: 0,
        method: Method.prefix,
        who: random.chance(60) ? null : random.pick(OWNERS),
        ...times,
      };
    }
    const base = { addr: random.pick(ADDRESSES), prefixLength: 128, who: random.pick(OWNERS), ...times };
    const kind = random.below(10);
    if (kind < 3) return { ...base, port: random.pick(PORTS), method: Method.port };
    if (kind < 4) return { ...base, port: random.chance(50) ? 0 : random.pick(PORTS), method: Method.service };
    return { ...base, port: 0, method: kind < 5 ? Method.node : Method.address };
  }

  #message(speaker: Speaker, asOfUs: number, changed: readonly HeldClaim[]): OwnershipMessage {
    const { random } = this;
    let kind: OwnershipKind = changed.length > 0 ? OwnershipKind.delta : OwnershipKind.asOf;
    if (random.chance(35) || (speaker.seq === 0 && random.chance(85))) kind = OwnershipKind.full;
    if (random.chance(3)) kind = OwnershipKind.goodbye;
    const named = kind === OwnershipKind.full ? [...speaker.held, ...changed.filter(({ to }) => to >= 0)] : changed;
    const message = {
      cluster: 'c',
      network: speaker.network,
      reporter: speaker.name,
      reporterKind: speaker.kind,
      epoch: `e${speaker.epoch}`,
      seq: speaker.seq,
      kind,
      asOfUs,
      intervalMs: speaker.intervalMs,
      pods: [],
    };
    return { ...message, ...claimColumns(named) };
  }
}

function claimColumns(list: readonly HeldClaim[]): { workloads: Workload[]; claims: ClaimColumns } {
  const claims = new ClaimColumns(Math.max(1, list.length));
  const workloads: Workload[] = [];
  list.forEach((claim, i) => {
    claims.length = i + 1;
    claims.addr.set(address(claim.addr), 16 * i);
    claims.prefixLength[i] = claim.prefixLength;
    claims.port[i] = claim.port;
    claims.method[i] = claim.method;
    claims.workload[i] = claim.who === null ? -1 : workloads.push(claim.who) - 1;
    claims.earliestUs[i] = claim.earliest;
    claims.fromUs[i] = claim.from;
    claims.toUs[i] = claim.to;
    claims.latestUs[i] = claim.latest;
  });
  return { workloads, claims };
}
