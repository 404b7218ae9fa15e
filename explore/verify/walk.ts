/**
 * One chain from its genesis to its end: every name must be what the predecessor says, and every object must prove itself.
 * Where an object is missing or cut, the walk goes on after the hole and says how many flow numbers fell into it.
 */
import { STREAM_RETIRE_MS } from '../../contract/limits.ts';
import type { Store } from '../../contract/store.ts';
import {
  type ChainState,
  compareHours,
  formatHour,
  formatObjectName,
  type Genesis,
  type Hour,
  type LossEntry,
  type ObjectFacts,
  type ObjectFormat,
  type StreamMap,
  sumLosses,
} from '../../schemas/objects.ts';
import type { Finding, FindingCode } from './finding.ts';
import { readFooter } from './footer.ts';
import { FootersAhead } from './footers-ahead.ts';
import type { ChainListing, ListedObject } from './lake-listing.ts';

export interface HourFigures {
  readonly hour: string;
  /** Offsets of the log that was then, from and to (exclusive). */
  fromOffset: number;
  toOffset: number;
  objects: number;
  rows: number;
  flows: number;
  losses: number;
}

/** A link of the chain, as far as the later checks need it: a month has very many, so no state of streams. */
export interface Link {
  readonly object: ListedObject;
  readonly losses: readonly LossEntry[];
}

/** A place in a log. */
export interface LogPlace {
  readonly logId: string;
  readonly offset: number;
}

export interface Walk {
  readonly links: readonly Link[];
  /** The state before the first object that begins at or after the place that was asked for; null: there is none. */
  readonly at: { readonly state: ChainState; readonly firstOffset: number } | null;
  /** After the last object. */
  readonly end: ChainState;
  readonly hours: readonly HourFigures[];
  readonly findings: readonly Finding[];
}

interface Progress {
  readonly chain: ChainListing;
  readonly format: ObjectFormat;
  readonly footers: FootersAhead;
  readonly from: LogPlace | null;
  readonly links: Link[];
  readonly findings: Finding[];
  readonly hours: Map<string, HourFigures>;
  /** Not yet met. */
  readonly rest: Map<string, ListedObject>;
  state: ChainState;
  at: Walk['at'];
  /** A hole lies between `state` and the next object: its numbers cannot add up, and the finding says by how many. */
  hole: { readonly at: string; readonly code: FindingCode; readonly why: string } | null;
}

/** @param from where the log begins that the chain will be held against, null without one. */
export async function walkChain(
  store: Store,
  chain: ChainListing,
  genesis: Genesis,
  from: LogPlace | null,
): Promise<Walk> {
  const { logId, firstOffset, hour } = genesis;
  const p: Progress = {
    chain,
    format: genesis.format,
    footers: new FootersAhead(store, chain.objects),
    from,
    at: null,
    links: [],
    findings: [],
    hours: new Map(),
    rest: new Map(chain.objects.map((object) => [object.name, object])),
    state: { logId, nextOffset: firstOffset, hour, streams: new Map(), marks: new Map() },
    hole: null,
  };
  for (;;) {
    const object = await nextObject(store, p);
    if (object === null) break;
    p.rest.delete(object.name);
    await visit(p, object);
  }
  if (p.hole !== null)
    find(p, p.hole.code, p.hole.at, `${p.hole.why}; it is the last object, what it held cannot be counted`);
  for (const name of p.rest.keys()) {
    find(
      p,
      'outside_chain',
      name,
      'no chain leads to it: a copy, a renamed object, or one from elsewhere; queries read its rows',
    );
  }
  return { links: p.links, at: p.at, end: p.state, hours: [...p.hours.values()], findings: p.findings };
}

const find = (p: Progress, code: FindingCode, object: string, message: string): void => {
  p.findings.push({ code, table: p.chain.table, partition: p.chain.partition, object, message });
};

const nameAfter = (p: Progress): string =>
  formatObjectName({
    table: p.chain.table,
    hour: p.state.hour,
    logId: p.state.logId,
    partition: p.chain.partition,
    firstOffset: p.state.nextOffset,
    format: p.format,
  });

/** The object that the state names; else, where one is missing and others remain, the first that can stand after a hole. */
async function nextObject(store: Store, p: Progress): Promise<ListedObject | null> {
  const name = nameAfter(p);
  if (p.hole === null) {
    const expected = p.rest.get(name);
    if (expected !== undefined) return expected;
    if (p.rest.size === 0 || p.links.some((link) => link.object.name === name)) return null;
    // The list may be older than the object: a writer is at work.
    const late = await store.stat(name);
    if (late !== null) return { ...late, parsed: parsedOf(p) };
  }
  const after = await resume(store, p);
  if (after !== null && p.hole === null) {
    p.hole = { at: name, code: 'object_missing', why: 'the chain needs this object, and it is not there' };
  }
  return after;
}

const parsedOf = (p: Progress): ListedObject['parsed'] => ({
  table: p.chain.table,
  hour: p.state.hour,
  logId: p.state.logId,
  partition: p.chain.partition,
  firstOffset: p.state.nextOffset,
  format: p.format,
});

/** After a hole: the first remaining object not before it whose own numbers are possible. Copies are passed over. */
async function resume(store: Store, p: Progress): Promise<ListedObject | null> {
  for (const object of p.rest.values()) {
    const { hour, firstOffset, logId, format } = object.parsed;
    if (format !== p.format || compareHours(hour, p.state.hour) < 0) continue;
    if (logId === p.state.logId && firstOffset < p.state.nextOffset) continue;
    const footer = await readFooter(store, object);
    if (footer.kind !== 'facts') continue;
    if (advanceOf(p.state.streams, footer.facts.state.streams) < footer.facts.flows + sumLosses(footer.facts.losses))
      continue;
    if (logId === footer.facts.state.logId && footer.facts.state.nextOffset < firstOffset) continue;
    return object;
  }
  return null;
}

async function visit(p: Progress, object: ListedObject): Promise<void> {
  const footer = await p.footers.read(object);
  if (footer.kind !== 'facts') {
    const code = footer.kind === 'cut' ? 'object_cut' : 'object_invalid';
    p.hole = { at: object.name, code, why: `${footer.why}` };
    return;
  }
  const before = p.state;
  const { facts, rowsCount } = footer;
  const hole = p.hole;
  p.hole = null;
  if (rowsCount !== facts.rows)
    find(p, 'rows_differ', object.name, `it holds ${rowsCount} rows, its metadata says ${facts.rows}`);
  checkPlace(p, object, facts);
  checkStreams(p, object, facts, before.streams);
  if (p.chain.table === 'flows') checkNumbers(p, object, facts, before, hole);
  else if (hole !== null) find(p, hole.code, hole.at, hole.why);
  const { logId, firstOffset } = object.parsed;
  if (p.at === null && p.from?.logId === logId && firstOffset >= p.from.offset) p.at = { state: before, firstOffset };
  p.links.push({ object, losses: facts.losses });
  addFigures(p, object, facts);
  p.state = facts.state;
}

/** Offsets tile, and hours never go back. */
function checkPlace(p: Progress, object: ListedObject, facts: ObjectFacts): void {
  const { hour, firstOffset, logId } = object.parsed;
  if (compareHours(facts.state.hour, hour) < 0) {
    find(
      p,
      'hours_back',
      object.name,
      `it lies in ${formatHour(hour)} and sends the chain back to ${formatHour(facts.state.hour)}`,
    );
  }
  if (facts.state.logId !== logId) return; // a seal: the log was made anew, its offsets begin where it says
  if (facts.state.nextOffset < firstOffset) {
    find(p, 'offsets_back', object.name, `it begins at offset ${firstOffset} and ends at ${facts.state.nextOffset}`);
  }
  if (facts.state.nextOffset !== firstOffset) return;
  const rolls = compareHours(facts.state.hour, hour) > 0;
  if (!rolls || facts.rows > 0 || facts.losses.length > 0) {
    const message = `it covers no offset (${firstOffset}), begins no hour, and holds ${facts.rows} rows: a copy`;
    find(p, 'offsets_back', object.name, message);
  }
}

/** A stream's number never falls, and a stream is only forgotten when it has long been silent. */
function checkStreams(p: Progress, object: ListedObject, facts: ObjectFacts, before: StreamMap): void {
  const endMs = hourEndMs(facts.state.hour);
  for (const [ring, { next, lastMs }] of before) {
    const after = facts.state.streams.get(ring);
    if (after === undefined) {
      if (lastMs + STREAM_RETIRE_MS >= endMs)
        find(p, 'stream_forgotten', object.name, `stream ${ring} (at ${next}) is forgotten too early`);
    } else if (after.next < next) {
      find(p, 'stream_back', object.name, `stream ${ring} falls from ${next} to ${after.next}`);
    }
  }
}

const hourEndMs = (hour: Hour): number => Date.parse(`${hour.dt}T00:00:00Z`) + (hour.hour + 1) * 3_600_000;

/** Flows in rows + losses = sum over streams of (next at end - next at start). */
function checkNumbers(
  p: Progress,
  object: ListedObject,
  facts: ObjectFacts,
  before: ChainState,
  hole: Progress['hole'],
): void {
  const advance = advanceOf(before.streams, facts.state.streams);
  const told = facts.flows + sumLosses(facts.losses);
  if (hole !== null) {
    find(
      p,
      hole.code,
      hole.at,
      `${hole.why}; ${advance - told} flow numbers before ${object.name} are in no row and no loss`,
    );
    return;
  }
  if (facts.flows < facts.rows)
    find(p, 'flows_untold', object.name, `${facts.rows} rows stand for only ${facts.flows} flow numbers`);
  if (advance !== told) {
    const message = `its streams advance by ${advance} flow numbers, its rows and losses tell of ${facts.flows} + ${told - facts.flows}`;
    find(p, 'flows_untold', object.name, message);
    return;
  }
  for (const [ring, lost] of lossesByRing(facts)) {
    const ringAdvance = (facts.state.streams.get(ring)?.next ?? 0) - (before.streams.get(ring)?.next ?? 0);
    if (lost > ringAdvance)
      find(p, 'flows_untold', object.name, `stream ${ring} advances by ${ringAdvance} and tells ${lost} losses`);
  }
}

function lossesByRing(facts: ObjectFacts): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { ring, flows } of facts.losses)
    if (ring !== null && flows !== null) sums.set(ring, (sums.get(ring) ?? 0) + flows);
  return sums;
}

/** Streams that are gone from `after` were retired and went on by nothing. */
export function advanceOf(before: StreamMap, after: StreamMap): number {
  let sum = 0;
  for (const [ring, { next }] of after) sum += next - (before.get(ring)?.next ?? 0);
  return sum;
}

function addFigures(p: Progress, object: ListedObject, facts: ObjectFacts): void {
  const hour = formatHour(object.parsed.hour);
  const { firstOffset } = object.parsed;
  const none = { objects: 0, rows: 0, flows: 0, losses: 0 };
  const figures = p.hours.get(hour) ?? { hour, fromOffset: firstOffset, toOffset: firstOffset, ...none };
  figures.toOffset = facts.state.nextOffset;
  figures.objects++;
  figures.rows += facts.rows;
  figures.flows += facts.flows;
  figures.losses += sumLosses(facts.losses);
  p.hours.set(hour, figures);
}
