/** The lake held against the truth. Pure. */
import { type ExpectedEnd, expectEnds, nodeOfWorkload } from './expectation.ts';
import type { LakeOwner, LakeRow } from './lake-rows.ts';
import { endKey, type Truth } from './truth.ts';

/** A look-up of addresses is what is tested: at least this share of the ends must be named by one. */
export const LOOKED_UP_SHARE_MIN = 0.4;
/** Findings that are told in words. */
const FINDINGS_MAX = 20;

export interface CheckReport {
  /** Connections that a client made, and those of them all of whose expected ends are exact in the lake. */
  readonly connections: {
    readonly made: number;
    readonly found: number;
    readonly off: number;
    /** With an end that was open while its node had no sidecar, and nothing off. */
    readonly unjudged: number;
  };
  /** Payload bytes of both directions, over all expected ends; `off`: sum of the differences. */
  readonly bytes: { readonly truth: number; readonly lake: number; readonly off: number };
  readonly rows: {
    readonly expectedEnds: number;
    readonly interim: number;
    readonly lost: number;
    readonly twice: number;
    /** Rows of which the truth knows nothing. */
    readonly unexpected: number;
  };
  readonly outcomesOff: number;
  readonly names: {
    /** Ends of rows, two a row. */
    readonly ends: number;
    readonly wrong: number;
    /** Without a name although somebody held the address: by reason. */
    readonly unnamed: ReadonlyMap<string, number>;
    /** Rightly without a name: nobody of the fleet held the address. */
    readonly nobody: number;
  };
  readonly methods: ReadonlyMap<string, number>;
  /** Of all ends, those named by `address` or `port`. */
  readonly lookedUpShare: number;
  /** No figure is off. */
  readonly ok: boolean;
  /** The first of what is wrong, in words. */
  readonly findings: readonly string[];
}

interface Found {
  finals: number;
  bytesToDst: number;
  bytesToSrc: number;
  outcome: string | null;
  exact: boolean;
}

/** A time in which node-a had no sidecar, us since 1970: what was open or waited to be sent then is not judged. */
export interface BlindSpan {
  readonly reporterNode: string;
  readonly fromUs: number;
  readonly toUs: number;
}

/** Rows of this demo's nodes only. Throws RangeError where the truth contradicts itself. */
export function checkRows(truth: Truth, rows: readonly LakeRow[], blind: BlindSpan | null = null): CheckReport {
  const check = new Check(truth, blind);
  for (const row of rows) check.take(row);
  return check.report();
}

class Check {
  readonly #truth: Truth;
  readonly #expected: ReadonlyMap<string, ExpectedEnd>;
  /** Keys of ends that are not judged, both ways round: of a connection older than the sidecar nobody knows who opened it. */
  readonly #unjudged = new Set<string>();
  /** The clients' keys of their connections. */
  readonly #unjudgedConnections = new Set<string>();
  readonly #found = new Map<string, Found>();
  readonly #findings: string[] = [];
  readonly #unnamed = new Map<string, number>();
  readonly #methods = new Map<string, number>();
  #interim = 0;
  #unexpected = 0;
  #ends = 0;
  #wrong = 0;
  #nobody = 0;

  constructor(truth: Truth, blind: BlindSpan | null) {
    this.#truth = truth;
    const expected = new Map(expectEnds(truth));
    for (const [key, of] of expected) {
      const { truth: end, reporterNode } = of;
      if (blind === null || reporterNode !== blind.reporterNode) continue;
      if (end.openedUs > blind.toUs || end.closedUs < blind.fromUs) continue;
      expected.delete(key);
      this.#unjudged.add(`${reporterNode} ${key}`);
      this.#unjudgedConnections.add(connectionKey(of));
    }
    this.#expected = expected;
  }

  take(row: LakeRow): void {
    const fromSrc = row.reporter === 'src';
    const key = fromSrc
      ? endKey(row.srcAddr, row.srcPort, row.dstAddr, row.dstPort)
      : endKey(row.dstAddr, row.dstPort, row.srcAddr, row.srcPort);
    const expected = this.#expected.get(key);
    if (this.#isUnjudged(row)) return;
    if (expected === undefined || expected.reporterNode !== row.reporterNode || expected.reporter !== row.reporter) {
      this.#unexpected++;
      this.#tell(`${row.reporterNode} reports ${key} (${row.report}, ${row.outcome}) as ${row.reporter}: no such end`);
      return;
    }
    const found = this.#found.get(key) ?? { finals: 0, bytesToDst: 0, bytesToSrc: 0, outcome: null, exact: true };
    this.#found.set(key, found);
    found.bytesToDst += row.bytesToDst;
    found.bytesToSrc += row.bytesToSrc;
    if (row.report === 'interim') this.#interim++;
    else {
      found.finals += row.connectionCount;
      found.outcome = row.outcome;
    }
    const local = fromSrc ? row.src : row.dst;
    const remote = fromSrc ? row.dst : row.src;
    if (!this.#name(expected, 'local', local, new Set([expected.truth.workload]))) found.exact = false;
    if (!this.#name(expected, 'remote', remote, expected.remote)) found.exact = false;
  }

  #isUnjudged({ reporterNode, srcAddr, srcPort, dstAddr, dstPort }: LakeRow): boolean {
    if (this.#unjudged.size === 0) return false;
    const keys = [endKey(srcAddr, srcPort, dstAddr, dstPort), endKey(dstAddr, dstPort, srcAddr, srcPort)];
    return keys.some((key) => this.#unjudged.has(`${reporterNode} ${key}`));
  }

  /** False where it is named wrongly. */
  #name({ key }: ExpectedEnd, which: string, owner: LakeOwner, allowed: ReadonlySet<string>): boolean {
    this.#ends++;
    count(this.#methods, owner.method);
    if (owner.workload === null) {
      if (allowed.size === 0) this.#nobody++;
      else count(this.#unnamed, owner.reason ?? 'no reason');
      return true;
    }
    const right = allowed.has(owner.workload) && owner.node === nodeOfWorkload(this.#truth.head.demo, owner.workload);
    if (right) return true;
    this.#wrong++;
    const who = allowed.size === 0 ? 'nobody' : [...allowed].join(' or ');
    this.#tell(`${key}: the ${which} end is named ${owner.workload} on ${owner.node} (${owner.method}), it was ${who}`);
    return false;
  }

  report(): CheckReport {
    const off = new Set<string>();
    let lost = 0;
    let twice = 0;
    let outcomesOff = 0;
    const bytes = { truth: 0, lake: 0, off: 0 };
    for (const expected of this.#expected.values()) {
      const found = this.#found.get(expected.key);
      const finals = found?.finals ?? 0;
      const byteDifference =
        Math.abs(expected.bytesToDst - (found?.bytesToDst ?? 0)) +
        Math.abs(expected.bytesToSrc - (found?.bytesToSrc ?? 0));
      bytes.truth += expected.bytesToDst + expected.bytesToSrc;
      bytes.lake += (found?.bytesToDst ?? 0) + (found?.bytesToSrc ?? 0);
      bytes.off += byteDifference;
      const wrongOutcome = finals > 0 && found?.outcome !== expected.outcome;
      if (finals === 0) lost++;
      if (finals > 1) twice += finals - 1;
      if (wrongOutcome) outcomesOff++;
      if (finals === 1 && byteDifference === 0 && !wrongOutcome && found?.exact === true) continue;
      off.add(connectionKey(expected));
      this.#tell(describe(expected, found));
    }
    return this.#sum({ off, lost, twice, outcomesOff, bytes });
  }

  #sum(sums: {
    off: Set<string>;
    lost: number;
    twice: number;
    outcomesOff: number;
    bytes: CheckReport['bytes'];
  }): CheckReport {
    const clients = this.#truth.ends
      .filter(({ role }) => role === 'client')
      .map((end) => endKey(end.local, end.localPort, end.remote, end.remotePort));
    const made = clients.length;
    const offCount = clients.filter((key) => sums.off.has(key)).length;
    const unjudged = clients.filter((key) => !sums.off.has(key) && this.#unjudgedConnections.has(key)).length;
    const lookedUp = (this.#methods.get('address') ?? 0) + (this.#methods.get('port') ?? 0);
    const lookedUpShare = this.#ends === 0 ? 0 : lookedUp / this.#ends;
    const { lost, twice, outcomesOff, bytes } = sums;
    const rows = {
      expectedEnds: this.#expected.size,
      interim: this.#interim,
      lost,
      twice,
      unexpected: this.#unexpected,
    };
    const wrongs = [lost, twice, this.#unexpected, outcomesOff, bytes.off, this.#wrong, offCount];
    return {
      connections: { made, found: made - offCount - unjudged, off: offCount, unjudged },
      bytes,
      rows,
      outcomesOff,
      names: { ends: this.#ends, wrong: this.#wrong, unnamed: this.#unnamed, nobody: this.#nobody },
      methods: this.#methods,
      lookedUpShare,
      ok: made > 0 && wrongs.every((wrong) => wrong === 0) && lookedUpShare >= LOOKED_UP_SHARE_MIN,
      findings: this.#findings,
    };
  }

  #tell(finding: string): void {
    if (this.#findings.length < FINDINGS_MAX) this.#findings.push(finding);
  }
}

/** The client's key, from whichever end. */
function connectionKey({ key, truth }: ExpectedEnd): string {
  return truth.role === 'client' ? key : endKey(truth.remote, truth.remotePort, truth.local, truth.localPort);
}

function describe(expected: ExpectedEnd, found: Found | undefined): string {
  const { key, truth, outcome, bytesToDst, bytesToSrc } = expected;
  const told = `${truth.workload} ${truth.role} ${key}: ${outcome}, ${bytesToDst}/${bytesToSrc} bytes`;
  if (found === undefined) return `${told}; not in the lake`;
  return `${told}; in the lake ${found.finals} ends, ${found.outcome}, ${found.bytesToDst}/${found.bytesToSrc} bytes`;
}

const count = (into: Map<string, number>, key: string): void => void into.set(key, (into.get(key) ?? 0) + 1);
