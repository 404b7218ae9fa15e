/**
 * Holds the lake against what the traffic made. A flow is one end of one connection; of each node: every flow is one row,
 * or is counted by one loss. Pure but for what it remembers.
 */
import type { LakeLoss, LakeReader, LakeRow } from './lake-reader.ts';
import { bytesBack, bytesOut, connectionOf } from './traffic.ts';

export interface Verdict {
  readonly made: number;
  readonly rows: number;
  readonly losses: number;
  /** Rows beyond the first of one flow, or of one flow number. */
  readonly doubled: number;
  /** Flows that are neither a row nor counted by a loss. */
  readonly lost: number;
  /** Flows that losses count beyond those that are missing. */
  readonly toldTwice: number;
  /** Flows that are lost and told, for a reason that none of the faults so far explains. */
  readonly unexplained: number;
  /** What else cannot be: rows of nobody, wrong bytes, a ledger that is not what the objects say. */
  readonly wrong: readonly string[];
}

export interface Truth {
  readonly node: number;
  /** As `reporter_node` has it. */
  readonly name: string;
  readonly made: number;
  /**
   * Interim reports that its sidecars sent: of connections that were open when a sidecar started. They have flow numbers, so
   * losses may count them too.
   */
  readonly interims: number;
}

const WRONG_MAX = 20;

export class Judge {
  readonly #reader: LakeReader;
  readonly #flows = new Map<string, number>();
  readonly #numbers = new Set<string>();
  readonly #found = new Map<number, number>();
  readonly #interims = new Map<number, number>();
  /** Of flows that had interim reports: bytes both ways so far. */
  readonly #bytes = new Map<string, [out: number, back: number]>();
  readonly #wrong: string[] = [];
  #looked = 0;
  #doubled = 0;

  constructor(reader: LakeReader) {
    this.#reader = reader;
  }

  /** `mayLose`: reasons that faults so far explain. */
  async judge(truths: readonly Truth[], mayLose: ReadonlySet<string>): Promise<Verdict> {
    await this.#reader.look();
    const { rows, told } = this.#reader;
    for (; this.#looked < rows.length; this.#looked++) this.#take(rows[this.#looked]!);
    let [made, lost, toldTwice] = [0, 0, 0];
    for (const truth of truths) {
      const ends = 2 * truth.made;
      const missing = ends - (this.#found.get(truth.node) ?? 0);
      const losses = sum(told.filter(({ node }) => node === truth.name));
      made += ends;
      lost += Math.max(0, missing - losses);
      const interimsLost = Math.max(0, truth.interims - (this.#interims.get(truth.node) ?? 0));
      toldTwice += Math.max(0, losses - missing - interimsLost);
    }
    const unexplained = sum(told.filter(({ reason }) => !mayLose.has(reason)));
    const wrong = [...this.#wrong, ...this.#ledgerFindings()].slice(0, WRONG_MAX);
    const found = [...this.#found.values()].reduce((all, count) => all + count, 0);
    return { made, rows: found, losses: sum(told), doubled: this.#doubled, lost, toldTwice, unexplained, wrong };
  }

  #take(row: LakeRow): void {
    const connection = connectionOf(row.srcAddr);
    const what = `${row.object}: ${row.srcAddr} ${row.reporter} ${row.report}, ${row.ring} ${row.number}`;
    const numbered = `${row.ring} ${row.number}`;
    const isRepeat = this.#numbers.has(numbered);
    this.#numbers.add(numbered);
    const flow = `${row.srcAddr} ${row.reporter}`;
    if (connection !== null && row.report === 'interim' && row.connections === 0) {
      if (isRepeat) this.#doubled++;
      else this.#interims.set(connection.node, (this.#interims.get(connection.node) ?? 0) + 1);
      // Of a connection of milliseconds there is one at most, and it comes before the final row.
      return void this.#bytes.set(flow, [row.bytesToDst, row.bytesToSrc]);
    }
    if (connection === null || row.report !== 'final' || row.connections !== 1) {
      if (isRepeat) this.#doubled++;
      return this.#mind(`no row of the traffic: ${what}`);
    }
    const times = (this.#flows.get(flow) ?? 0) + 1;
    this.#flows.set(flow, times);
    if (times > 1 || isRepeat) this.#doubled++;
    if (times === 1) this.#found.set(connection.node, (this.#found.get(connection.node) ?? 0) + 1);
    const { index } = connection;
    const [out, back] = this.#bytes.get(flow) ?? [0, 0];
    if (out + row.bytesToDst !== bytesOut(index) || back + row.bytesToSrc !== bytesBack(index)) {
      this.#mind(`bytes ${row.bytesToDst} and ${row.bytesToSrc}: ${what}`);
    }
  }

  #mind(problem: string): void {
    if (this.#wrong.length < WRONG_MAX) this.#wrong.push(problem);
  }

  /** The table `losses` says what the winning objects say, object by object. */
  #ledgerFindings(): string[] {
    const findings = this.#reader.changed.map((name) => `${name} was replaced by another object`);
    const inObjects = byObject(this.#reader.told);
    const inTable = byObject(this.#reader.ledger);
    for (const name of new Set([...inObjects.keys(), ...inTable.keys()])) {
      const [says, has] = [inObjects.get(name) ?? 'nothing', inTable.get(name) ?? 'nothing'];
      if (says !== has) findings.push(`${name} tells of losses ${says}, and the table losses has ${has}`);
    }
    return findings;
  }
}

const sum = (losses: readonly LakeLoss[]): number => losses.reduce((all, { flows }) => all + (flows ?? 0), 0);

function byObject(losses: readonly LakeLoss[]): Map<string, string> {
  const entries = new Map<string, string[]>();
  for (const { object, reason, flows, ring } of losses) {
    entries.set(object, [...(entries.get(object) ?? []), `${reason} ${flows} ${ring}`]);
  }
  return new Map([...entries].map(([object, all]) => [object, all.sort().join(', ')]));
}

/** Nothing is wrong. */
export const isClean = (verdict: Verdict): boolean =>
  verdict.doubled + verdict.lost + verdict.toldTwice + verdict.unexplained + verdict.wrong.length === 0;
