/**
 * The attribution as slowly and plainly as it can be said, to hold the fast one against: all claims of all reporters in
 * one list, scanned in full for every question. Shares nothing with the enricher but the message types.
 */
import { Method, OwnershipKind, Reason, ReporterKind, type Workload } from '../../schemas/generated/common.ts';
import type { OwnershipMessage } from '../../schemas/generated/ownership-v1.ts';

interface Claim {
  reporter: Reporter;
  addr: string;
  prefixLength: number;
  port: number;
  method: number;
  who: Workload | null;
  earliest: number;
  from: number;
  /** What its epoch says that it began at. */
  stated: number;
  /** Null while open. */
  ended: { to: number; latest: number } | null;
  orphan: boolean;
  named: number;
}

interface Reporter {
  network: string;
  kind: number;
  epoch: string;
  began: number;
  /** Two nodes have its name. */
  doubled: boolean;
  past: string[];
  seq: number;
  confirmed: number;
  asOf: number;
  interval: number;
  gapped: boolean;
  fresh: boolean;
  gone: boolean;
  fulls: number;
}

export interface Answer {
  readonly owner: string | null;
  readonly reason: number;
  readonly method: number;
  readonly since: number;
  readonly reported: boolean;
  readonly ready: boolean;
}

type Sure = 'doubt' | 'possible' | 'certain';

const bitsOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
export const ownerKey = (who: Workload): string =>
  who.instanceUid === ''
    ? JSON.stringify(Object.entries(who).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : `${who.cluster} ${who.instanceUid}`;
const RANK: Readonly<Record<number, number>> = {
  [Method.port]: 0,
  [Method.service]: 1,
  [Method.address]: 2,
  [Method.node]: 3,
};

export class Reference {
  /** The one whose clock timed the flows, null: it never spoke. */
  own: Reporter | null = null;
  readonly clockSkewUs: number;
  readonly reporters: Map<string, Reporter> = new Map();
  readonly newest: Map<string, number> = new Map();
  claims: Claim[] = [];
  /** By network and address: who spoke of it last. */
  readonly spoke: Map<string, Reporter> = new Map();

  constructor(clockSkewUs: number) {
    this.clockSkewUs = clockSkewUs;
  }

  /** The flows in question are from this node. */
  askFrom(cluster: string, network: string, node: string): void {
    const own = this.reporters.get([cluster, network, node, ReporterKind.sidecar].join('|'));
    this.own = own === undefined || own.doubled ? null : own;
  }

  apply(message: OwnershipMessage, appendMs: number): void {
    const key = [message.cluster, message.network, message.reporter, message.reporterKind].join('|');
    const known = this.reporters.get(key);
    const reporter: Reporter = known ?? {
      ...{ network: message.network, kind: message.reporterKind, epoch: '', past: [], seq: -1, confirmed: 0, asOf: 0 },
      ...{ began: 0, doubled: false },
      ...{ interval: 0, gapped: true, fresh: true, gone: false, fulls: 0 },
    };
    this.reporters.set(key, reporter);
    const mine = (): Claim[] => this.claims.filter((claim) => claim.reporter === reporter);
    const end = (claim: Claim, orphan: boolean): void => {
      claim.ended = { to: reporter.confirmed, latest: Math.max(reporter.confirmed, message.asOfUs) };
      claim.orphan = orphan;
    };
    if (reporter.epoch !== message.epoch) {
      if (reporter.past.includes(message.epoch)) {
        if (message.asOfUs > reporter.began + this.clockSkewUs) reporter.doubled = true;
        return;
      }
      for (const claim of mine()) if (claim.ended === null) end(claim, true);
      if (reporter.epoch !== '') reporter.past = [...reporter.past, reporter.epoch].slice(-16);
      Object.assign(reporter, {
        epoch: message.epoch,
        began: Math.max(message.asOfUs, reporter.asOf),
        seq: -1,
        gapped: true,
        fresh: true,
        gone: false,
        asOf: message.asOfUs,
      });
    } else if (message.seq <= reporter.seq) return;
    if (reporter.seq >= 0 && message.seq !== reporter.seq + 1) reporter.gapped = true;
    reporter.seq = message.seq;
    reporter.interval = message.intervalMs * 1000;
    if (message.kind === OwnershipKind.full) reporter.fulls += 1;
    for (let i = 0; i < message.claims.length; i += 1) this.#state(reporter, message, i, mine());
    if (message.kind === OwnershipKind.full) {
      for (const claim of mine()) {
        if (claim.ended === null && claim.named !== reporter.fulls) end(claim, false);
        claim.orphan = false;
      }
      reporter.confirmed = reporter.fresh ? message.asOfUs : Math.max(reporter.confirmed, message.asOfUs);
      Object.assign(reporter, { gapped: false, fresh: false, gone: false });
    } else {
      if (!reporter.gapped) reporter.confirmed = Math.max(reporter.confirmed, message.asOfUs);
      if (message.kind === OwnershipKind.goodbye) {
        for (const claim of mine()) if (claim.ended === null) end(claim, true);
        reporter.gone = true;
      }
    }
    reporter.asOf = Math.max(reporter.asOf, message.asOfUs);
    const newest = this.newest.get(message.network) ?? 0;
    this.newest.set(message.network, Math.max(newest, Math.min(message.asOfUs, appendMs * 1000)));
  }

  #state(reporter: Reporter, message: OwnershipMessage, i: number, mine: readonly Claim[]): void {
    const c = message.claims;
    const prefixLength = c.prefixLength[i] ?? 0;
    const addr = bitsOf(c.addr.subarray(16 * i, 16 * i + 16)).slice(0, prefixLength);
    const port = c.port[i] ?? 0;
    const method = c.method[i] ?? 0;
    const who = message.workloads[c.workload[i] ?? -1] ?? null;
    const from = c.fromUs[i] ?? 0;
    const to = c.toUs[i] ?? -1;
    const latest = (c.latestUs[i] ?? -1) < 0 ? Math.max(to, message.asOfUs) : (c.latestUs[i] ?? -1);
    if (prefixLength === 128) this.spoke.set(`${reporter.network}|${addr}`, reporter);
    // Of equals the one that was told last is the newest.
    const same = [...mine]
      .reverse()
      .filter(
        (claim) =>
          claim.addr === addr &&
          claim.prefixLength === prefixLength &&
          claim.port === port &&
          claim.method === method &&
          (who === null || claim.who === null ? who === claim.who : ownerKey(who) === ownerKey(claim.who)),
      );
    const restated = same
      .filter((claim) => (claim.ended === null ? claim.stated : claim.from) === from)
      .sort(newestFirst)[0];
    const ended = to < 0 ? null : { to: Math.min(to, message.asOfUs), latest };
    const continued =
      message.kind === OwnershipKind.full && ended === null
        ? same.filter((claim) => claim.orphan && claim.from <= from && sameNames(claim.who, who)).sort(newestFirst)[0]
        : undefined;
    const claim = restated ?? continued;
    if (claim === undefined) {
      const earliest = c.earliestUs[i] ?? 0;
      const fresh = {
        reporter,
        addr,
        prefixLength,
        port,
        method,
        who,
        earliest,
        from,
        stated: from,
        ended,
        orphan: false,
      };
      this.claims.push({ ...fresh, named: reporter.fulls });
      return;
    }
    if (ended === null && claim.ended !== null) claim.stated = from;
    claim.ended = ended;
    claim.orphan = false;
    claim.named = reporter.fulls;
    if (ended === null) claim.who = who;
  }

  /** Since when an owner that the capture saw held the end. */
  since(network: string, addrBytes: Uint8Array, port: number, start: number, owner: string): number {
    const addr = bitsOf(addrBytes);
    const froms = this.claims.flatMap((claim) => {
      if (claim.reporter.network !== network || claim.who === null || ownerKey(claim.who) !== owner) return [];
      const isHere =
        claim.prefixLength < 128
          ? addr.startsWith(claim.addr)
          : claim.addr === addr && (claim.port === 0 || claim.port === port);
      const sure = this.#sureness(claim, start);
      return isHere && sure !== null && sure !== 'doubt' ? [claim.from] : [];
    });
    return froms.length === 0 ? -1 : Math.min(...froms);
  }

  isLive(reporter: Reporter): boolean {
    const newest = this.newest.get(reporter.network) ?? 0;
    return !reporter.gone && reporter.asOf >= newest - 3 * reporter.interval - this.clockSkewUs;
  }

  /** The verdict on the end (addr, port) of a flow from `start` to `end`. */
  answer(network: string, addrBytes: Uint8Array, port: number, start: number, end: number): Answer {
    const addr = bitsOf(addrBytes);
    const about = this.claims.filter((claim) => {
      if (claim.reporter.network !== network || claim.who === null) return false;
      if (claim.prefixLength < 128) return addr.startsWith(claim.addr);
      return claim.addr === addr && (claim.port === 0 || claim.port === port);
    });
    const listeners = this.claims.filter((claim) => {
      return claim.reporter.network === network && claim.addr === addr && claim.method === Method.port;
    });
    const shared = (time: number): At => this.#shared(this.#at(about, time), listeners, port, time);
    const [atStart, atEnd] = [shared(start), shared(end)];
    const { ready, silent } = this.#ready(network, addr, about, end);
    // Where nobody holds the address as a whole, its listeners tell that a sidecar watches it.
    const nobody = this.#at(about, end).state === 'none';
    const reported = [...about, ...(nobody ? listeners : [])].some((claim) => {
      const isSidecar = claim.reporter.kind === ReporterKind.sidecar;
      const isHolder = claim.method !== Method.prefix && claim.method !== Method.service;
      return isSidecar && isHolder && this.#sureness(claim, end) === 'certain';
    });
    const reason = verdict(atStart, atEnd, ready, silent, about.length > 0);
    const named = reason === Reason.none;
    return {
      owner: named ? atStart.owner : null,
      reason,
      method: named ? atStart.method : Method.none,
      since: named ? atStart.since : -1,
      reported,
      ready,
    };
  }

  #at(about: readonly Claim[], time: number): At {
    const held = about.flatMap((claim) => {
      const sure = this.#sureness(claim, time);
      return sure === null ? [] : [{ claim, sure, rank: RANK[claim.method] ?? 4 + 128 - claim.prefixLength }];
    });
    for (const sure of ['certain', 'possible'] as const) {
      const candidates = held.filter((one) => one.sure === sure);
      if (candidates.length === 0) continue;
      const rank = Math.min(...candidates.map((one) => one.rank));
      const best = candidates.filter((one) => one.rank === rank);
      const owners = new Set(best.map(({ claim }) => ownerKey(claim.who!)));
      if (owners.size > 1) return { ...NOBODY, state: sure === 'certain' ? 'conflict' : 'contested' };
      const [owner = ''] = owners;
      const disputed = held.some((one) => {
        if (one.sure === 'certain' || ownerKey(one.claim.who!) === owner) return false;
        return one.rank < rank || (sure === 'possible' && one.rank === rank);
      });
      if (disputed) return { ...NOBODY, state: 'contested' };
      const since = Math.min(...best.map(({ claim }) => claim.from));
      const isNear = sure === 'possible' && best.every(({ claim }) => claim.reporter.kind === ReporterKind.sidecar);
      return { state: isNear ? 'near' : sure, owner, method: best[0]!.claim.method, since };
    }
    return NOBODY;
  }

  #ready(network: string, addr: string, about: readonly Claim[], end: number): { ready: boolean; silent: boolean } {
    const all = [...this.reporters.values()].filter((reporter) => reporter.network === network);
    if (all.every(({ kind }) => kind === ReporterKind.static)) return { ready: false, silent: false };
    const holders = about
      .filter((claim) => claim.prefixLength === 128 && claim.ended === null)
      .map(({ reporter }) => reporter);
    const past = (reporter: Reporter): boolean => reporter.confirmed > end + this.#skewOf(reporter);
    if (holders.length > 0) {
      const live = holders.filter((reporter) => this.isLive(reporter));
      return { ready: live.every(past) && holders.some(past), silent: live.length === 0 };
    }
    const known = this.claims.some((claim) => {
      return claim.who === null && claim.reporter.network === network && addr.startsWith(claim.addr);
    });
    if (known) {
      const live = all.filter((reporter) => this.isLive(reporter));
      return { ready: live.every(({ confirmed }) => confirmed > end + this.clockSkewUs), silent: false };
    }
    const last = this.spoke.get(`${network}|${addr}`);
    return { ready: last === undefined || past(last) || !this.isLive(last), silent: false };
  }

  #skewOf(reporter: Reporter): number {
    return reporter === this.own ? 0 : this.clockSkewUs;
  }

  /** By the flows' clock: a reporter with another one is certain of less, and holds more to be possible. */
  #sureness(claim: Claim, time: number): Sure | null {
    const { reporter, ended, earliest, from } = claim;
    const skew = this.#skewOf(reporter);
    if (time < earliest - skew) return null;
    const to = (ended === null ? reporter.confirmed : ended.to) - skew;
    if (time >= from + skew && time <= to) return 'certain';
    if (ended === null) return time <= to ? 'possible' : 'doubt';
    return time <= Math.max(ended.to, ended.latest) + skew ? 'possible' : null;
  }

  /** Only ports are claimed: a client behind another one is one of several. */
  #shared(at: At, listeners: readonly Claim[], port: number, time: number): At {
    if (at.state !== 'none' || port > 0) return at;
    const sure = listeners.map((claim) => this.#sureness(claim, time));
    if (sure.includes('certain')) return { ...at, state: 'conflict' };
    return sure.includes('possible') ? { ...at, state: 'contested' } : at;
  }
}

interface At {
  readonly state: 'none' | 'contested' | 'conflict' | 'near' | 'possible' | 'certain';
  readonly owner: string | null;
  readonly method: number;
  readonly since: number;
}

const NOBODY: At = { state: 'none', owner: null, method: Method.none, since: -1 };

function verdict(start: At, end: At, ready: boolean, silent: boolean, claimed: boolean): number {
  const states = [start.state, end.state];
  const one = start.owner === end.owner ? Reason.none : Reason.ambiguous;
  if (!ready) {
    if (states.every((state) => state === 'certain')) return one;
    if (states.includes('conflict')) return Reason.ambiguous;
    return silent ? Reason.reporterSilent : Reason.holdExpired;
  }
  if (states.every((state) => state === 'certain' || state === 'possible')) return one;
  if (start.owner !== null && end.owner !== null && one !== Reason.none) return one;
  if (states.includes('conflict') || states.includes('contested')) return Reason.ambiguous;
  return claimed ? Reason.gap : Reason.noClaim;
}

const newestFirst = (x: Claim, y: Claim): number => y.earliest - x.earliest;

function sameNames(x: Workload | null, y: Workload | null): boolean {
  if (x === null || y === null) return x === y;
  return x.namespace === y.namespace && x.name === y.name && x.kind === y.kind && x.instance === y.instance;
}
