/**
 * Proves that a lake is complete, from its list, its footers and, where given, the log that it was made from:
 * every object stands where its predecessor says, offsets tile, hours never go back, every flow number is in a row or a
 * loss, every loss is in the table, and nothing visible lies outside a chain.
 */
import { type Clock, systemClock } from '../contract/clock.ts';
import { WeirError } from '../contract/errors.ts';
import type { Store } from '../contract/store.ts';
import { type ChainTable, formatHour, type Genesis, genesisName } from '../schemas/objects.ts';
import { type Log, type Offset, TOPICS, type TopicDescription } from '../transport/log.ts';
import { checkAgainstLog, type LogFigures } from './verify/against-log.ts';
import { mapBounded } from './verify/bounded.ts';
import { countReads } from './verify/count-reads.ts';
import type { Finding } from './verify/finding.ts';
import { type ChainListing, type LakeListing, listLake } from './verify/lake-listing.ts';
import { ledgerOf, type LedgerSum, mergeLedgers } from './verify/ledger.ts';
import { checkLosses, strayLosses } from './verify/losses-objects.ts';
import { type HourFigures, type Walk, walkChain } from './verify/walk.ts';

export type { Finding, FindingCode } from './verify/finding.ts';
export type { LedgerSum } from './verify/ledger.ts';
export type { HourFigures } from './verify/walk.ts';

/** Chains walked together: each reads ahead by itself. */
const CHAINS_AT_ONCE = 4;

export interface PartitionReport {
  readonly table: ChainTable;
  readonly partition: number;
  readonly logId: string;
  readonly firstOffset: number;
  /** Completeness is judged up to here (exclusive). */
  readonly nextOffset: number;
  readonly hour: string;
  readonly objects: number;
  readonly rows: number;
  /** Flow numbers that the rows stand for. */
  readonly flows: number;
  /** Flow numbers told as lost. */
  readonly losses: number;
  readonly streams: number;
  readonly hours: readonly HourFigures[];
  readonly ledger: readonly LedgerSum[];
  /** Null without a log. */
  readonly log: LogFigures | null;
}

export interface VerifyReport {
  /** No finding. */
  readonly ok: boolean;
  readonly partitions: readonly PartitionReport[];
  readonly findings: readonly Finding[];
  readonly summary: VerifySummary;
}

/** Over all partitions; `flows` and `losses` of the table `flows` alone. */
export interface VerifySummary {
  readonly objects: number;
  readonly rows: number;
  readonly flows: number;
  readonly losses: number;
  /** What `losses` consists of. */
  readonly ledger: readonly LedgerSum[];
  /** Messages that the log holds and the lake does not yet; null without a log. */
  readonly lagMessages: number | null;
  /** Flow numbers that the raw log tells of and the lake does not hold yet; null without a raw log. */
  readonly lagFlows: number | null;
  /** One sentence: by what the lake was judged, and how far. */
  readonly judged: string;
  /** What it took: requests for bytes, and the bytes that were read, of those that the objects have. */
  readonly reads: number;
  readonly bytesRead: number;
  readonly bytesStored: number;
}

export interface VerifyOptions {
  readonly store: Store;
  /** The log that the lake was made from; without it the end of a chain cannot be judged. */
  readonly log?: Log;
  /** Before the topics' names. */
  readonly topicPrefix?: string;
  /** The sink's consumer group for a table's topic: its commit tells how far the lake once went. */
  readonly sinkGroup?: (table: ChainTable) => string;
  /** The enricher's group for the raw topic of an id: its commit tells up to where raw messages must be downstream. */
  readonly enricherGroup?: (rawTopicId: string) => string;
  readonly clock?: Clock;
}

/** Fails: WEIR_EXPLORE_NO_LAKE where there is nothing at all; the store's and the log's own errors. */
export async function verifyLake(given: VerifyOptions): Promise<VerifyReport> {
  const counted = countReads(given.store);
  const { store } = counted;
  const options = { ...given, store };
  const committed = await committedOf(options);
  const listing = await listLake(store);
  const findings = [...listing.findings];
  if (listing.chains.length === 0 && listing.losses.size === 0 && findings.length === 0) {
    throw new WeirError(
      'WEIR_EXPLORE_NO_LAKE',
      `there is no lake at ${store.where}: run weir run or weir demo first, or name --data`,
    );
  }
  const partitions: PartitionReport[] = [];
  const seen = new Set<string>();
  const chains = await mapBounded(listing.chains, CHAINS_AT_ONCE, (chain) =>
    verifyChain(options, committed, listing, chain, seen),
  );
  for (const chain of chains) {
    if (chain.report !== null) partitions.push(chain.report);
    findings.push(...chain.findings);
  }
  const listed = new Set(listing.chains.flatMap((chain) => chain.objects.map((object) => object.name)));
  findings.push(...(await strayLosses(store, listing.losses, seen, listed)));
  const took = { ...counted.figures, bytesStored: listing.bytes };
  const summary = summarise(partitions, options.log !== undefined, took);
  return { ok: findings.length === 0, partitions, findings, summary };
}

interface VerifiedChain {
  /** Null: there is no beginning to judge it from. */
  readonly report: PartitionReport | null;
  readonly findings: readonly Finding[];
}

/** Losses objects that were accounted for are added to `seen`. */
async function verifyChain(
  options: VerifyOptions,
  committed: Committed,
  { losses }: LakeListing,
  chain: ChainListing,
  seen: Set<string>,
): Promise<VerifiedChain> {
  const { store, clock = systemClock } = options;
  const { table, partition, genesis } = chain;
  if (genesis === null) {
    const message = `the object that begins the chain is missing; ${chain.objects.length} objects cannot be judged`;
    const code = 'genesis_missing';
    return { report: null, findings: [{ code, table, partition, object: genesisName(table, partition), message }] };
  }
  const input = await logInput(options, committed, table, partition);
  const start = input?.description.partitions[partition]?.start;
  const from = start === undefined ? null : { logId: input!.description.id, offset: start };
  const walk = await walkChain(store, chain, genesis, from);
  const findings = [...walk.findings];
  const against = input === null ? null : await checkAgainstLog(input, chain, walk);
  if (against !== null) findings.push(...against.findings);
  if (table === 'flows') {
    findings.push(...(await checkLosses(store, clock, { partition, links: walk.links, losses }, seen)));
  }
  return { report: reportOf(chain, genesis, walk, against?.figures ?? null), findings };
}

function reportOf(
  { table, partition }: ChainListing,
  genesis: Genesis,
  walk: Walk,
  log: LogFigures | null,
): PartitionReport {
  const total = (key: 'objects' | 'rows' | 'flows' | 'losses'): number =>
    walk.hours.reduce((sum, hour) => sum + hour[key], 0);
  return {
    table,
    partition,
    logId: walk.end.logId,
    firstOffset: genesis.firstOffset,
    nextOffset: walk.end.nextOffset,
    hour: formatHour(walk.end.hour),
    objects: total('objects'),
    rows: total('rows'),
    flows: total('flows'),
    losses: total('losses'),
    streams: walk.end.streams.size,
    hours: walk.hours,
    ledger: ledgerOf(walk.links.flatMap((link) => link.losses)),
    log,
  };
}

const topicOf = ({ topicPrefix = '' }: VerifyOptions, table: ChainTable): string =>
  `${topicPrefix}${table === 'flows' ? TOPICS.enriched : TOPICS.ownership}`;

/** `<table>/<partition>` -> what the sink says it had stored: asked before the lake is listed, which may grow meanwhile. */
type Committed = ReadonlyMap<string, Offset | null>;

async function committedOf(options: VerifyOptions): Promise<Committed> {
  const { log, sinkGroup } = options;
  const committed = new Map<string, Offset | null>();
  if (log === undefined || sinkGroup === undefined) return committed;
  for (const table of ['flows', 'ownership'] as const) {
    const topic = topicOf(options, table);
    const partitions = (await describe(log, topic))?.partitions ?? [];
    const positions = await Promise.all(partitions.map((_, index) => log.position(sinkGroup(table), topic, index)));
    for (const [index, position] of positions.entries()) committed.set(`${table}/${index}`, position);
  }
  return committed;
}

/** Null without a log, or where it has no such topic (any more). */
async function logInput(options: VerifyOptions, positions: Committed, table: ChainTable, partition: number) {
  const { log, topicPrefix = '', enricherGroup = null } = options;
  if (log === undefined) return null;
  const topic = topicOf(options, table);
  const description = await describe(log, topic);
  if (description === null) return null;
  const rawTopic = `${topicPrefix}${TOPICS.raw}`;
  const hasRaw = table === 'flows' && (await describe(log, rawTopic)) !== null;
  const raw = hasRaw ? { topic: rawTopic, group: enricherGroup } : null;
  const committed = positions.get(`${table}/${partition}`) ?? null;
  return { log, topic, description, committed, raw };
}

async function describe(log: Log, topic: string): Promise<TopicDescription | null> {
  try {
    return await log.describe(topic);
  } catch (error) {
    if (error instanceof WeirError && error.code === 'WEIR_TRANSPORT_UNKNOWN_TOPIC') return null;
    throw error;
  }
}

function summarise(
  partitions: readonly PartitionReport[],
  hasLog: boolean,
  took: Pick<VerifySummary, 'reads' | 'bytesRead' | 'bytesStored'>,
): VerifySummary {
  const sum = (of: (report: PartitionReport) => number): number =>
    partitions.reduce((total, report) => total + of(report), 0);
  const flowsOnly =
    (key: 'flows' | 'losses') =>
    (report: PartitionReport): number =>
      report.table === 'flows' ? report[key] : 0;
  const judgedByLog = partitions.filter((report) => report.log?.sameLog === true).length;
  const judged =
    judgedByLog === 0
      ? "judged by the objects alone, up to the end of each chain; what was removed after a chain's end cannot be seen without its log"
      : `judged by the objects, and ${judgedByLog} of ${partitions.length} chains also by the log`;
  return {
    objects: sum((report) => report.objects),
    rows: sum((report) => report.rows),
    flows: sum(flowsOnly('flows')),
    losses: sum(flowsOnly('losses')),
    lagMessages: hasLog ? sum((report) => report.log?.lagMessages ?? 0) : null,
    lagFlows: partitions.some((report) => typeof report.log?.lagFlows === 'number')
      ? sum((report) => report.log?.lagFlows ?? 0)
      : null,
    ledger: mergeLedgers(partitions.map(({ ledger }) => ledger)),
    judged,
    ...took,
  };
}
