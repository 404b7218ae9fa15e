/**
 * The truth: what the traffic programs wrote down of every end of every connection, and who held which address when.
 * Lines of JSON in a file that the pipeline never reads. Pure.
 */

export type TruthOutcome =
  | 'closed'
  | 'reset_by_local'
  | 'reset_by_remote'
  | 'refused'
  | 'timed_out'
  | 'unreachable'
  | 'abandoned'
  | 'other';

/** One end of one connection. Times: microseconds since 1970; `closedUs` is when the program was through with it. */
export interface TruthEnd {
  readonly workload: string;
  readonly role: 'client' | 'server';
  readonly local: string;
  readonly localPort: number;
  readonly remote: string;
  readonly remotePort: number;
  readonly openedUs: number;
  readonly closedUs: number;
  readonly sent: number;
  readonly received: number;
  readonly outcome: TruthOutcome;
  readonly error: number;
  readonly pid: number;
}

/** A workload and an address that belonged to it; within `from…` and `to…` it may have been so or not. */
export interface TruthHolder {
  readonly holder: string;
  readonly address: string;
  readonly fromEarliestUs: number;
  readonly fromUs: number;
  readonly toUs: number;
  readonly toLatestUs: number;
}

/** Which demo it is. */
export interface TruthHead {
  readonly demo: string;
  readonly seed: number;
  readonly forMs: number;
  readonly startedUs: number;
}

export interface Truth {
  readonly head: TruthHead;
  readonly ends: readonly TruthEnd[];
  readonly holders: readonly TruthHolder[];
}

/** A line that cannot be read is an error: the truth must be whole. Throws RangeError. */
export function parseTruth(text: string): Truth {
  const heads: TruthHead[] = [];
  const ends: TruthEnd[] = [];
  const holders: TruthHolder[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    if (line === '') continue;
    const value = parseLine(line, at + 1);
    if (isEnd(value)) ends.push(value);
    else if (isHolder(value)) holders.push(value);
    else if (isHead(value)) heads.push(value);
    else throw new RangeError(`line ${at + 1} of the truth is nothing known: ${line.slice(0, 80)}`);
  }
  const [head] = heads;
  if (head === undefined) throw new RangeError('the truth does not say which demo it is of');
  return { head, ends, holders };
}

function parseLine(line: string, number: number): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new RangeError(`line ${number} of the truth is no JSON: ${line.slice(0, 80)}`, { cause: error });
  }
}

const hasKeys = (value: unknown, texts: readonly string[], numbers: readonly string[]): boolean => {
  const fields = value as Record<string, unknown>;
  return texts.every((key) => typeof fields[key] === 'string') && numbers.every((key) => Number.isFinite(fields[key]));
};

const isEnd = (value: unknown): value is TruthEnd =>
  hasKeys(
    value,
    ['workload', 'role', 'local', 'remote', 'outcome'],
    ['localPort', 'remotePort', 'openedUs', 'closedUs', 'sent', 'received'],
  );

const isHolder = (value: unknown): value is TruthHolder =>
  hasKeys(value, ['holder', 'address'], ['fromEarliestUs', 'fromUs', 'toUs', 'toLatestUs']);

const isHead = (value: unknown): value is TruthHead => hasKeys(value, ['demo'], ['seed', 'forMs', 'startedUs']);

/** A line of the truth file. */
export const truthLine = (value: TruthHead | TruthHolder): string => `${JSON.stringify(value)}\n`;

/** Identity of an end: no demo makes the same four twice. */
export const endKey = (local: string, localPort: number, remote: string, remotePort: number): string =>
  `${local} ${localPort} ${remote} ${remotePort}`;

/** Who may have held an address at some moment of [fromUs, toUs]; null stands for nobody. */
export function holdersWithin(
  holders: readonly TruthHolder[],
  address: string,
  fromUs: number,
  toUs: number,
): ReadonlySet<string | null> {
  const found = new Set<string | null>();
  const spans = holders.filter((span) => span.address === address).sort((a, b) => a.fromUs - b.fromUs);
  for (const { holder, fromEarliestUs, toLatestUs } of spans) {
    if (fromEarliestUs <= toUs && toLatestUs >= fromUs) found.add(holder);
  }
  // Nobody for certain between two that held it for certain.
  let heldToUs = -Infinity;
  for (const { fromUs: begun, toUs: ended } of spans) {
    if (Math.max(heldToUs, fromUs) < Math.min(begun, toUs)) found.add(null);
    heldToUs = Math.max(heldToUs, ended);
  }
  if (heldToUs < toUs) found.add(null);
  return found;
}
