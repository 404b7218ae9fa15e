/**
 * Who held this address then? The history's look-up beside what a service would use instead (a Map by text, a Map by
 * number, lru-cache in front of it), and the join of whole batches. All are given the same claims and asked the same;
 * the answers are compared before anything is timed.
 */
import assert from 'node:assert/strict';
import { LRUCache } from 'lru-cache';
import { BatchDictionaries } from '../enricher/dictionaries.ts';
import { Joiner, newEndCounts } from '../enricher/join.ts';
import { OwnershipHistory } from '../enricher/ownership/history.ts';
import { keyDetail } from '../enricher/ownership/entries.ts';
import { OwnerAt } from '../enricher/ownership/owner.ts';
import { OwnerFinder } from '../enricher/ownership/owner-at.ts';
import { int32Words } from '../schemas/columns.ts';
import { EnrichedFlowColumns } from '../schemas/generated/flows-enriched-v1.ts';
import type { RawBatch } from '../schemas/generated/flows-raw-v1.ts';
import type { OwnershipMessage } from '../schemas/generated/ownership-v1.ts';
import {
  AS_OF_US,
  asPods,
  type Fleet,
  type FleetOptions,
  fleetOf,
  NETWORK,
  ownershipOf,
  rawBatchesOf,
} from './fleet.ts';
import {
  type Benchmark,
  compare,
  cost,
  type Figure,
  type Goal,
  Hash,
  type Outcome,
  type Size,
  type Timing,
} from './harness.ts';

const CACHE_ENTRIES = 4096;
/** facts section 0: J1 (decode and join) less decode is 214 to 330 ns a flow; section 2: 16-byte keys, Zipf and uniform. */
const JOIN_GOAL: Goal = { atMost: 2 * 330, from: 'twice facts/hotpath.md section 0, J1 less its decoding' };
/** That was measured with so many. */
const JOIN_GOAL_ADDRESSES = 100_000;
const LOOK_UP_NS: Readonly<Record<string, number>> = {
  '10000 zipf': 20,
  '10000 uniform': 22,
  '100000 zipf': 60,
  '100000 uniform': 74,
  '1000000 zipf': 96,
  '1000000 uniform': 135,
};

export const benchmark: Benchmark = {
  name: 'join',
  what: 'owners at a time: the history beside Map and lru-cache, and the join of batches of 1,000 flows',
  run,
};

async function run(size: Size): Promise<Outcome> {
  const worlds: readonly FleetOptions[] =
    size === 'full'
      ? [10_000, 100_000, 1_000_000].flatMap((addresses) => [
          { addresses, skew: 'zipf' } as const,
          { addresses, skew: 'uniform' } as const,
        ])
      : [{ addresses: 500, skew: 'zipf' }];
  const hash = new Hash();
  const figures: Figure[] = [];
  for (const world of worlds) figures.push(...(await inWorld(size, world, hash)));
  return { figures, hash: hash.toString() };
}

async function inWorld(size: Size, options: FleetOptions, hash: Hash): Promise<Figure[]> {
  const fleet = fleetOf(options);
  const messages = ownershipOf(fleet);
  const history = historyOf(messages);
  const batches = rawBatchesOf(fleet, size === 'full' ? 128 : 2, size === 'full' ? 1000 : 100);
  const name = `${options.addresses} addresses, ${options.skew}`;
  return [
    ...(await lookUps(size, name, history, messages, fleet, batches, hash)),
    ...(await joins(size, name, history, options.addresses, batches, hash)),
    ...(await podJoins(size, name, fleet, hash)),
  ];
}

function historyOf(messages: readonly OwnershipMessage[]): OwnershipHistory {
  const history = new OwnershipHistory();
  for (const message of messages) assert.equal(history.apply(message, AS_OF_US / 1000).refused, 0);
  return history;
}

/** The same where sidecars know pods by their UIDs: with the watcher's names the rows are the same too. */
async function podJoins(size: Size, name: string, named: Fleet, hash: Hash): Promise<Figure[]> {
  const { fleet, names } = asPods(named);
  const history = historyOf([...names, ...ownershipOf(fleet)]);
  const batches = rawBatchesOf(fleet, size === 'full' ? 128 : 2, size === 'full' ? 1000 : 100);
  assert.equal(history.workloads.pods.size, fleet.workloads.length);
  return joins(size, `${name}, pods by UID`, history, Number.POSITIVE_INFINITY, batches, hash);
}

/** The remote ends of the batches, as columns. */
interface Queries {
  readonly count: number;
  readonly addr: Uint8Array;
  readonly words: Int32Array;
  readonly timeUs: Float64Array;
}

function queriesOf(batches: readonly RawBatch[]): Queries {
  const count = batches.reduce((sum, { flows }) => sum + flows.length, 0);
  const addr = new Uint8Array(16 * count);
  const timeUs = new Float64Array(count);
  let at = 0;
  for (const { flows } of batches) {
    addr.set(flows.remoteAddr.subarray(0, 16 * flows.length), 16 * at);
    timeUs.set(flows.endUs.subarray(0, flows.length), at);
    at += flows.length;
  }
  return { count, addr, words: int32Words(addr), timeUs };
}

/** One stretch of ownership in the Maps; of one address the newest last. */
interface Stretch {
  readonly fromUs: number;
  readonly toUs: number;
  readonly owner: string;
}

function stretchesOf(messages: readonly OwnershipMessage[]): Map<string, Stretch[]> {
  const byText = new Map<string, Stretch[]>();
  for (const { claims, workloads, asOfUs } of messages) {
    for (let i = 0; i < claims.length; i++) {
      const workload = workloads[claims.workload[i]!];
      if (workload === undefined || claims.port[i] !== 0) continue;
      const key = textOf(claims.addr, i);
      const stretches = byText.get(key) ?? [];
      const toUs = claims.toUs[i]! < 0 ? asOfUs : claims.toUs[i]!;
      stretches.push({ fromUs: claims.fromUs[i]!, toUs, owner: workload.instanceUid });
      byText.set(key, stretches);
    }
  }
  return byText;
}

const textOf = (addr: Uint8Array, i: number): string =>
  `${addr[16 * i + 12]}.${addr[16 * i + 13]}.${addr[16 * i + 14]}.${addr[16 * i + 15]}`;
const numberOf = (addr: Uint8Array, i: number): number =>
  (addr[16 * i + 12]! << 24) | (addr[16 * i + 13]! << 16) | (addr[16 * i + 14]! << 8) | addr[16 * i + 15]!;

function ownerIn(stretches: readonly Stretch[] | undefined, timeUs: number): string | null {
  if (stretches === undefined) return null;
  for (let i = stretches.length - 1; i >= 0; i--) {
    const { fromUs, toUs, owner } = stretches[i]!;
    if (timeUs >= fromUs && timeUs <= toUs) return owner;
  }
  return null;
}

async function lookUps(
  size: Size,
  name: string,
  history: OwnershipHistory,
  messages: readonly OwnershipMessage[],
  { addresses, skew }: Fleet,
  batches: readonly RawBatch[],
  hash: Hash,
): Promise<Figure[]> {
  const queries = queriesOf(batches);
  const { count, addr, words, timeUs } = queries;
  const byText = stretchesOf(messages);
  const byNumber = new Map(
    [...byText].map(([text, stretches]) => [
      text.split('.').reduce((n, part) => (n << 8) | Number(part), 0),
      stretches,
    ]),
  );
  const cache = new LRUCache<number, Stretch[]>({ max: CACHE_ENTRIES });
  const texts = Array.from({ length: count }, (_, i) => textOf(addr, i));
  const finder = new OwnerFinder(history);
  const network = history.findNetwork(NETWORK);
  assert.ok(network);
  const out = new OwnerAt();
  const wholeAddress = keyDetail(0, 128);
  const cached = (key: number): Stretch[] | undefined => {
    const known = cache.get(key);
    if (known !== undefined) return known;
    const found = byNumber.get(key);
    if (found !== undefined) cache.set(key, found);
    return found;
  };
  const ways: readonly { readonly name: string; readonly owner: (i: number) => string | number | null }[] = [
    {
      name: 'history',
      owner: (i) => {
        const whole = history.entries.find(words, 4 * i, wholeAddress, network.id);
        finder.find(network, words, 4 * i, whole, -1, timeUs[i]!, out);
        return out.workload;
      },
    },
    { name: 'Map by text, the text made for it', owner: (i) => ownerIn(byText.get(textOf(addr, i)), timeUs[i]!) },
    { name: 'Map by text that is there already', owner: (i) => ownerIn(byText.get(texts[i]!), timeUs[i]!) },
    { name: 'Map by number, IPv4 only', owner: (i) => ownerIn(byNumber.get(numberOf(addr, i)), timeUs[i]!) },
    { name: `lru-cache of ${CACHE_ENTRIES} before it`, owner: (i) => ownerIn(cached(numberOf(addr, i)), timeUs[i]!) },
  ];
  let past = 0;
  for (let i = 0; i < count; i++) {
    const [mine, ...others] = ways.map(({ owner }) => owner(i));
    const uid = history.workloads.get(mine as number).instanceUid;
    for (const other of others) assert.equal(other, uid, `query ${i}: every way names the same owner`);
    if (ownerIn(byText.get(texts[i]!), AS_OF_US) !== uid) past++;
    hash.add(uid);
  }
  assert.ok(past > 0, 'some flows belong to an earlier owner');
  const timings = await compare(
    size,
    ways.map(({ name: way, owner }) => ({
      name: way,
      run: () => {
        let named = 0;
        for (let i = 0; i < count; i++) if (owner(i) !== null) named++;
        assert.equal(named, count);
        return count;
      },
    })),
  );
  const facts = LOOK_UP_NS[`${addresses} ${skew}`];
  return ways.map(({ name: way }, i) => {
    const goal =
      i > 0 || facts === undefined
        ? undefined
        : { atMost: 2 * facts, from: 'twice facts/hotpath.md section 2, 16-byte keys' };
    return cost(`${name}: ${way}`, 'look-up', timings[i]!, goal);
  });
}

async function joins(
  size: Size,
  name: string,
  history: OwnershipHistory,
  addresses: number,
  batches: readonly RawBatch[],
  hash: Hash,
): Promise<Figure[]> {
  const joiner = new Joiner(history);
  const rows = new EnrichedFlowColumns(1000);
  const dictionaries = new BatchDictionaries(history.workloads);
  const join = (batch: RawBatch): BatchDictionaries => {
    dictionaries.reset();
    rows.length = 0;
    assert.equal(joiner.look(batch).length, 0, 'every batch is ready');
    joiner.write(batch, rows, dictionaries, counts);
    return dictionaries;
  };
  let counts = newEndCounts();
  let ends = 0;
  for (const batch of batches) {
    const { workloads } = join(batch);
    for (let i = 0; i < rows.length; i++) hash.add(workloads[rows.srcWorkload[i]!]!.instanceUid);
    ends += 2 * rows.length;
  }
  const unattributed = counts.byMethod[0]!;
  assert.equal(unattributed, 0, 'both ends of every flow have an owner');
  counts = newEndCounts();
  const [timing] = (await compare(size, [
    {
      name: 'join',
      run: () => {
        for (const batch of batches) join(batch);
        return ends / 2;
      },
    },
  ])) as [Timing];
  const goal = addresses > JOIN_GOAL_ADDRESSES ? undefined : JOIN_GOAL;
  return [cost(`${name}: join of both ends, batches of ${batches[0]!.flows.length}`, 'flow', timing, goal)];
}
