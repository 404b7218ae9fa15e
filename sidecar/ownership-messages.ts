/**
 * A sidecar's claims as messages of the ownership topic. Pure but for its counters.
 *
 * A full list must fit one message. Where a node holds more than that its sidecar speaks as several reporters, each with
 * a share of the claims by address and port, so that every one of them can say its whole list again and again. Their
 * life begins with the node's subnets and an `as_of` of each reporter, which tell readers whom to wait for and confirm
 * nothing before a list; then come the lists. So nobody who has read some takes what is in the others for unclaimed.
 */
import { OWNERSHIP_MESSAGE_BYTES_MAX } from '../contract/limits.ts';
import { shareName } from '../contract/reporter-names.ts';
import { OwnershipKind } from '../schemas/generated/common.ts';
import type { Claim } from './claims.ts';
import { groupsOf, type OwnershipPart, ReporterMessages } from './reporter-messages.ts';

export interface Speaker {
  readonly cluster: string;
  readonly network: string;
  readonly node: string;
  /** A life of the node's reporters: a new one each time the sidecar starts. */
  readonly epoch: string;
  readonly heartbeatMs: number;
}

export class OwnershipMessages {
  readonly #speaker: Speaker;
  readonly #bytesMax: number;
  readonly #reportersMin: number;
  #reporters: ReporterMessages[] = [];
  #lives = 0;

  /** `reportersMin`: as many as spoke before, so that none of them is left behind with claims that nobody ends. */
  constructor(speaker: Speaker, reportersMin = 1, bytesMax: number = OWNERSHIP_MESSAGE_BYTES_MAX) {
    this.#speaker = speaker;
    this.#reportersMin = reportersMin;
    this.#bytesMax = bytesMax;
  }

  /** How many reporters it speaks as; 0 before the first list. */
  get reporters(): number {
    return this.#reporters.length;
  }

  /** The open claims, whole: the first messages of a life. */
  first(claims: readonly Claim[], asOfUs: number): readonly OwnershipPart[] {
    // Half full, so that the shares may grow.
    return this.#begin(sharesThatFit(claims, Math.max(this.#reportersMin, this.reporters), this.#bytesMax / 2), asOfUs);
  }

  /** The open claims, whole. Those that have grown out of their shares begin a new life with more of them. */
  full(claims: readonly Claim[], asOfUs: number): readonly OwnershipPart[] {
    const shares = sharesOf(claims, this.reporters);
    if (!shares.every((share) => fits(share, this.#bytesMax))) return this.first(claims, asOfUs);
    return this.#lists(shares, asOfUs);
  }

  /**
   * What began and ended. Of each reporter only the last part may say that everything up to `asOfUs` has been said. One
   * whose share stands still says `asOfUs` too: a delta puts the heartbeat off, and it would pass for silent.
   */
  delta(claims: readonly Claim[], asOfUs: number, previousAsOfUs: number): readonly OwnershipPart[] {
    return sharesOf(claims, this.reporters).flatMap((share, i) => {
      const groups = groupsOf(share, this.#bytesMax);
      if (groups.length === 0) return [this.#reporters[i]!.encode(OwnershipKind.asOf, [], asOfUs)];
      const asOf = (part: number): number => (part === groups.length - 1 ? asOfUs : previousAsOfUs);
      return groups.map((group, part) => this.#reporters[i]!.encode(OwnershipKind.delta, group, asOf(part)));
    });
  }

  asOf(asOfUs: number): readonly OwnershipPart[] {
    return this.#reporters.map((reporter) => reporter.encode(OwnershipKind.asOf, [], asOfUs));
  }

  goodbye(asOfUs: number): readonly OwnershipPart[] {
    return this.#reporters.map((reporter) => reporter.encode(OwnershipKind.goodbye, [], asOfUs));
  }

  #begin(shares: readonly Claim[][], asOfUs: number): readonly OwnershipPart[] {
    const { cluster, network, node, heartbeatMs: intervalMs } = this.#speaker;
    this.#lives += 1;
    const epoch = this.#lives === 1 ? this.#speaker.epoch : `${this.#speaker.epoch}.${this.#lives}`;
    this.#reporters = shares.map(
      (_, i) => new ReporterMessages({ cluster, network, reporter: shareName(node, i), epoch, intervalMs }),
    );
    const beginning = shares.length === 1 ? [] : this.#beginning(shares, asOfUs);
    return [...beginning, ...this.#lists(shares, asOfUs)];
  }

  #beginning([own = []]: readonly Claim[][], asOfUs: number): readonly OwnershipPart[] {
    const subnets = groupsOf(own.filter(isSubnet), this.#bytesMax);
    const told = subnets.map((group) => this.#reporters[0]!.encode(OwnershipKind.delta, group, asOfUs));
    return [...told, ...this.asOf(asOfUs)];
  }

  /** The node's own name last: while it has not spoken, readers who missed the others' beginning wait for it. */
  #lists(shares: readonly Claim[][], asOfUs: number): readonly OwnershipPart[] {
    const reporters = [...this.#reporters.entries()].reverse();
    return reporters.map(([i, reporter]) => reporter.encode(OwnershipKind.full, shares[i]!, asOfUs));
  }
}

const fits = (share: readonly Claim[], bytesMax: number): boolean => groupsOf(share, bytesMax).length <= 1;

const isSubnet = ({ prefixLength }: Claim): boolean => prefixLength < 128;

function sharesThatFit(claims: readonly Claim[], countMin: number, bytesMax: number): Claim[][] {
  for (let count = Math.max(countMin, groupsOf(claims, bytesMax).length); ; count += 1) {
    const shares = sharesOf(claims, count);
    if (count >= claims.length || shares.every((share) => fits(share, bytesMax))) return shares;
  }
}

/** By address and port, so that one owner's end and the next one's beginning are said by one reporter. */
function sharesOf(claims: readonly Claim[], count: number): Claim[][] {
  if (count === 1) return [[...claims]];
  const shares: Claim[][] = Array.from({ length: count }, () => []);
  for (const claim of claims) shares[shareOf(claim, count)]!.push(claim);
  return shares;
}

/** FNV-1a, mixed. Subnets are the first one's. */
function shareOf(claim: Claim, count: number): number {
  if (isSubnet(claim)) return 0;
  const { addr, port } = claim;
  let hash = Math.imul(0x811c9dc5 ^ port, 0x01000193);
  for (const byte of addr) hash = Math.imul(hash ^ byte, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) % count;
}
