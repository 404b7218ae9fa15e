/** Where a chain stands: its genesis object, and its newest object with the state that lies in it. */
import { WeirError } from '../contract/errors.ts';
import type { Store } from '../contract/store.ts';
import {
  type ChainTable,
  type Genesis,
  GENESIS_VERSION,
  genesisName,
  type ObjectFacts,
  type ObjectName,
  parseFileMetadata,
  parseGenesis,
  parseObjectName,
} from '../schemas/objects.ts';
import type { TableFormat } from './format/columns.ts';

const GENESIS_BYTES_MAX = 4096;

export interface Tail {
  readonly name: string;
  readonly facts: ObjectFacts;
}

/** Null: the chain has not begun. Fails: WEIR_SINK_OBJECT_INVALID, WEIR_SINK_STORE_*. */
export async function readGenesis(store: Store, table: ChainTable, partition: number): Promise<Genesis | null> {
  const name = genesisName(table, partition);
  if ((await store.stat(name)) === null) return null;
  const bytes = await store.readRange(name, 0, GENESIS_BYTES_MAX);
  const genesis = parseGenesis(new TextDecoder().decode(bytes));
  if (genesis !== null) return genesis;
  const what = `${name} in ${store.where} is not a beginning of version ${GENESIS_VERSION}, which this Weir reads`;
  const mend = 'go on with the Weir that began the lake, or begin another with --lake-uri';
  throw new WeirError('WEIR_SINK_OBJECT_INVALID', `${what}; ${mend}`, { name });
}

/** What an object says of itself. Fails: WEIR_SINK_OBJECT_INVALID, WEIR_SINK_STORE_*. */
export async function readFacts(store: Store, format: TableFormat, name: string): Promise<ObjectFacts> {
  const facts = parseFileMetadata(await format.readMetadata(store, name));
  if (facts !== null) return facts;
  throw new WeirError('WEIR_SINK_OBJECT_INVALID', `${name} in ${store.where} does not say where its chain goes on`, {
    name,
  });
}

/**
 * The newest object of a chain; null when there is none yet. Hours never go back, so it lies in the latest hour that
 * holds any of the chain's objects: folders are walked from the latest, not the whole table.
 */
export async function findTail(
  store: Store,
  format: TableFormat,
  table: ChainTable,
  partition: number,
  genesis: Genesis,
): Promise<Tail | null> {
  const days = (await store.folders(`${table}/`)).filter((day) => /^dt=\d{4}-\d{2}-\d{2}$/.test(day));
  for (const day of days.toReversed()) {
    if (day < `dt=${genesis.hour.dt}`) return null;
    for (const hour of (await store.folders(`${table}/${day}/`)).toReversed()) {
      const newest = newestByLog(
        (await store.list(`${table}/${day}/${hour}/`)).map((object) => object.name),
        partition,
      );
      if (newest.size > 0) return await unsealed(store, format, newest);
    }
  }
  return null;
}

/** Of one hour: the object with the greatest offset, by log id. */
function newestByLog(names: readonly string[], partition: number): Map<string, { name: string; parsed: ObjectName }> {
  const newest = new Map<string, { name: string; parsed: ObjectName }>();
  for (const name of names) {
    const parsed = parseObjectName(name);
    if (parsed === null || parsed.partition !== partition) continue;
    const best = newest.get(parsed.logId);
    if (best === undefined || parsed.firstOffset > best.parsed.firstOffset) newest.set(parsed.logId, { name, parsed });
  }
  return newest;
}

/**
 * Where a topic was made anew within the hour there are several logs; the tail is the one that no seal leads away
 * from.
 */
async function unsealed(
  store: Store,
  format: TableFormat,
  newest: ReadonlyMap<string, { readonly name: string }>,
): Promise<Tail> {
  const tails: Tail[] = [];
  for (const [logId, { name }] of newest) {
    const facts = await readFacts(store, format, name);
    const next = facts.state.logId;
    if (next === logId || !newest.has(next)) tails.push({ name, facts });
  }
  if (tails.length === 1) return tails[0]!;
  const names = [...newest.values()].map((entry) => entry.name).join(', ');
  throw new WeirError('WEIR_SINK_OBJECT_INVALID', `${store.where}: the chain has ${tails.length} ends: ${names}`);
}
