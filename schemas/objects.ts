/**
 * The objects of the lake: their names and what they say of themselves. Written by the sink, read by `verify` and
 * the queries.
 * Names and keys are promises (CONTRACT, Objects). Parsers are defensive: whatever they are given, they answer null.
 */

/** Tables that have a chain of their own. `losses` objects are made from the winners of the `flows` chain. */
export type ChainTable = 'flows' | 'ownership';
export type TableName = ChainTable | 'losses';
export type ObjectFormat = 'parquet' | 'avro';

/** The directory of an object: arrival, UTC. `dt` is YYYY-MM-DD, `hour` 0 to 23. Text: `dt=2026-11-24/hour=05`. */
export interface Hour {
  readonly dt: string;
  readonly hour: number;
}

/** What the name of an object says. */
export interface ObjectName {
  readonly table: TableName;
  readonly hour: Hour;
  /** 22 characters base64url of the topic's UUID. */
  readonly logId: string;
  readonly partition: number;
  readonly firstOffset: number;
  readonly format: ObjectFormat;
}

const HOUR_MS = 3_600_000;
const LOG_ID = /^[A-Za-z0-9_-]{22}$/;
const HOUR_TEXT = /^dt=(\d{4}-\d{2}-\d{2})\/hour=([01]\d|2[0-3])$/;
const OBJECT_NAME = new RegExp(
  '^(flows|losses|ownership)/(dt=\\d{4}-\\d{2}-\\d{2}/hour=\\d{2})/' +
    '(u_[A-Za-z0-9_-]{21}|[A-Za-z0-9-][A-Za-z0-9_-]{21})-(\\d{5})-(\\d{20})\\.(parquet|avro)$',
);

export function hourOfMs(unixMs: number): Hour {
  const text = new Date(Math.floor(unixMs / HOUR_MS) * HOUR_MS).toISOString();
  return { dt: text.slice(0, 10), hour: Number(text.slice(11, 13)) };
}

export function formatHour(hour: Hour): string {
  return `dt=${hour.dt}/hour=${String(hour.hour).padStart(2, '0')}`;
}

export function parseHour(text: string): Hour | null {
  const match = HOUR_TEXT.exec(text);
  if (match === null) return null;
  const dt = match[1]!;
  const time = Date.parse(`${dt}T00:00:00Z`);
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== dt) return null;
  return { dt, hour: Number(match[2]) };
}

/** Negative when `a` is earlier. */
export function compareHours(a: Hour, b: Hour): number {
  if (a.dt !== b.dt) return a.dt < b.dt ? -1 : 1;
  return a.hour - b.hour;
}

export function laterHour(a: Hour, b: Hour): Hour {
  return compareHours(a, b) >= 0 ? a : b;
}

/**
 * `<table>/dt=D/hour=HH/<log id>-<partition>-<first offset>.<format>`.
 * A log id that begins with `_` is written `u_…`: Hive, Athena and Spark skip files whose names begin with `_`.
 */
export function formatObjectName(name: ObjectName): string {
  const id = name.logId.startsWith('_') ? `u${name.logId}` : name.logId;
  const partition = String(name.partition).padStart(5, '0');
  const offset = String(name.firstOffset).padStart(20, '0');
  return `${name.table}/${formatHour(name.hour)}/${id}-${partition}-${offset}.${name.format}`;
}

export function parseObjectName(text: string): ObjectName | null {
  const match = OBJECT_NAME.exec(text);
  if (match === null) return null;
  const hour = parseHour(match[2]!);
  const firstOffset = Number(match[5]);
  if (hour === null || !Number.isSafeInteger(firstOffset)) return null;
  return {
    table: match[1] as TableName,
    hour,
    logId: match[3]!.length === 23 ? match[3]!.slice(1) : match[3]!,
    partition: Number(match[4]),
    firstOffset,
    format: match[6] as ObjectFormat,
  };
}

/** The losses object of an object of the `flows` chain: the same name in another table. */
export function lossesNameOf(flowsName: string): string {
  return flowsName.replace(/^flows\//, 'losses/');
}

export function genesisName(table: ChainTable, partition: number): string {
  return `_chain/${table}-${String(partition).padStart(5, '0')}`;
}

/** Where a chain begins; fixed for ever by the object `_chain/<table>-<partition>`. */
export interface Genesis {
  readonly logId: string;
  readonly firstOffset: number;
  readonly hour: Hour;
  readonly format: ObjectFormat;
}

export const GENESIS_VERSION = 1;

export function formatGenesis(genesis: Genesis): string {
  const { logId, firstOffset, hour, format } = genesis;
  const at = formatHour(hour);
  return `${JSON.stringify({ version: GENESIS_VERSION, log: logId, first_offset: firstOffset, hour: at, format })}\n`;
}

export function parseGenesis(text: string): Genesis | null {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null) return null;
  const { version, log, first_offset: firstOffset, hour, format } = value as Record<string, unknown>;
  const at = typeof hour === 'string' ? parseHour(hour) : null;
  if (version !== GENESIS_VERSION || typeof log !== 'string' || !LOG_ID.test(log) || at === null) return null;
  if (!isCount(firstOffset) || (format !== 'parquet' && format !== 'avro')) return null;
  return { logId: log, firstOffset, hour: at, format };
}

/** What was seen of one stream: everything below `next`, the last of it appended to the enriched log at `lastMs`. */
export interface StreamState {
  readonly next: number;
  readonly lastMs: number;
}

/**
 * Stream (ring id; for `ownership` cluster/reporter/epoch) -> state. Never changed in place once it is part of a
 * state.
 */
export type StreamMap = ReadonlyMap<string, StreamState>;

/** The chain's state after an object, which the object itself carries. */
export interface ChainState {
  readonly logId: string;
  readonly nextOffset: number;
  /** Directory of the next object. */
  readonly hour: Hour;
  /** flows: stream -> next flow number. ownership: reporter's epoch -> next message number. */
  readonly streams: StreamMap;
  /**
   * What else the fold remembers, not part of the proof by flow numbers. flows: raw partition -> offset after the last
   * message whose headers named no stream; dead letter -> the end of its range, 0 once it was re-driven. ownership:
   * epochs with a gap that no full list has mended yet.
   */
  readonly marks: StreamMap;
}

/** One entry of the ledger, as the winning object carries it and the losses table shows it. */
export interface LossEntry {
  readonly stage: string;
  readonly reason: string;
  /** Flow numbers; null: unknown how many. Negative where reason is `recovered`: they were told before, and came. */
  readonly flows: number | null;
  /** Unix microseconds: from when until when they were lost, as far as it is known. */
  readonly startUs: number;
  readonly endUs: number;
  readonly node: string | null;
  readonly ring: string | null;
  readonly intentional: boolean;
  readonly detectedBy: string;
}

/** A loss of this reason takes back what was told as lost: the rows of a dead letter that was re-driven. */
export const RECOVERED = 'recovered';

/** Marks of the flows chain that remember dead letters begin so. */
export const LETTER_MARK = 'letter:';

/** A dead letter's mark. Its `next` is the end of the range that was told as lost, or 0 once its rows came after all. */
export const letterMark = (ring: string, first: number): string => `${LETTER_MARK}${ring}:${first}`;

/** Keys on the object (short ones) and in the file's own key-value metadata (all). */
export const META = {
  log: 'weir-log',
  endOffset: 'weir-end-offset',
  hour: 'weir-hour',
  rows: 'weir-rows',
  flows: 'weir-flows',
  losses: 'weir-losses',
  schema: 'weir-schema',
  streams: 'weir-streams',
  marks: 'weir-marks',
  lossEntries: 'weir-loss-entries',
  writer: 'weir-writer',
} as const;

/** Kinds of schema an object is written with; counted up when columns are added. */
export const OBJECT_SCHEMA: Readonly<Record<TableName, string>> = {
  flows: 'flows.v1',
  losses: 'losses.v1',
  ownership: 'ownership.v1',
};

/** Everything an object of a chain says of itself. `state.logId` is another than the name's in a seal. */
export interface ObjectFacts {
  readonly state: ChainState;
  readonly rows: number;
  /** Flow numbers that its rows stand for (0 in `ownership`). */
  readonly flows: number;
  readonly losses: readonly LossEntry[];
  readonly schema: string;
  /** Which attempt wrote it; empty when not told. */
  readonly writer: string;
}

/** Flow numbers told as lost, unknown ones counted as none. */
export function sumLosses(losses: readonly LossEntry[]): number {
  let sum = 0;
  for (const loss of losses) sum += loss.flows ?? 0;
  return sum;
}

/** The short keys: what a HEAD of the object shows. At most a few hundred bytes (S3 allows 2 KB). */
export function formatShortMetadata(facts: ObjectFacts): Record<string, string> {
  return {
    [META.log]: facts.state.logId,
    [META.endOffset]: String(facts.state.nextOffset),
    [META.hour]: formatHour(facts.state.hour),
    [META.rows]: String(facts.rows),
    [META.flows]: String(facts.flows),
    [META.losses]: String(sumLosses(facts.losses)),
    [META.schema]: facts.schema,
  };
}

/** All keys: what the file itself holds. */
export function formatFileMetadata(facts: ObjectFacts): Record<string, string> {
  return {
    ...formatShortMetadata(facts),
    [META.streams]: formatStreams(facts.state.streams),
    [META.marks]: formatStreams(facts.state.marks),
    [META.lossEntries]: formatLosses(facts.losses),
    [META.writer]: facts.writer,
  };
}

/** Null when a key is missing or impossible: the object is not from Weir, cut or forged. */
export function parseFileMetadata(metadata: Readonly<Record<string, string>>): ObjectFacts | null {
  const logId = metadata[META.log] ?? '';
  const nextOffset = parseCount(metadata[META.endOffset]);
  const hour = parseHour(metadata[META.hour] ?? '');
  const rows = parseCount(metadata[META.rows]);
  const flows = parseCount(metadata[META.flows]);
  const lossSum = parseWhole(metadata[META.losses]);
  const streams = parseStreams(metadata[META.streams] ?? '');
  const marks = parseStreams(metadata[META.marks] ?? '{}');
  const losses = parseLosses(metadata[META.lossEntries] ?? '');
  if (!LOG_ID.test(logId) || nextOffset === null || hour === null || rows === null || flows === null) return null;
  if (streams === null || marks === null || losses === null || lossSum !== sumLosses(losses)) return null;
  const schema = metadata[META.schema] ?? '';
  const state: ChainState = { logId, nextOffset, hour, streams, marks };
  return { state, rows, flows, losses, schema, writer: metadata[META.writer] ?? '' };
}

/** JSON object, stream -> [next, last append ms], by name ascending so that equal states give equal text. */
export function formatStreams(streams: StreamMap): string {
  const names = [...streams.keys()].sort();
  const parts = names.map((name) => {
    const state = streams.get(name)!;
    return `${JSON.stringify(name)}:[${state.next},${state.lastMs}]`;
  });
  return `{${parts.join(',')}}`;
}

export function parseStreams(text: string): StreamMap | null {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const streams = new Map<string, StreamState>();
  for (const [name, entry] of Object.entries(value)) {
    if (!Array.isArray(entry) || entry.length !== 2) return null;
    const [next, lastMs] = entry as unknown[];
    if (!isCount(next) || !isCount(lastMs)) return null;
    streams.set(name, { next, lastMs });
  }
  return streams;
}

export function formatLosses(losses: readonly LossEntry[]): string {
  return JSON.stringify(losses);
}

export function parseLosses(text: string): readonly LossEntry[] | null {
  const value = parseJson(text);
  if (!Array.isArray(value)) return null;
  const losses: LossEntry[] = [];
  for (const item of value as unknown[]) {
    if (typeof item !== 'object' || item === null) return null;
    const { stage, reason, flows, startUs, endUs, node, ring, intentional, detectedBy } = item as Record<
      string,
      unknown
    >;
    if (typeof stage !== 'string' || typeof reason !== 'string' || typeof detectedBy !== 'string') return null;
    if (typeof intentional !== 'boolean' || !isTextOrNull(node) || !isTextOrNull(ring)) return null;
    const isCounted = flows === null || (reason === 'recovered' ? Number.isSafeInteger(flows) : isCount(flows));
    if (!isCounted || !isCount(startUs) || !isCount(endUs)) return null;
    losses.push({ stage, reason, flows: flows as number | null, startUs, endUs, node, ring, intentional, detectedBy });
  }
  return losses;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function parseCount(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

/** A sum of losses: below 0 where more came back than was lost. */
function parseWhole(text: string | undefined): number | null {
  const count = parseCount(text?.replace(/^-/, ''));
  return count === null || count === 0 || !text!.startsWith('-') ? count : -count;
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isTextOrNull = (value: unknown): value is string | null => value === null || typeof value === 'string';
