/** What lies in the lake, by chain: names only. */
import type { Store, StoredObject } from '../../contract/store.ts';
import {
  type ChainTable,
  type Genesis,
  type ObjectName,
  parseGenesis,
  parseObjectName,
  type TableName,
} from '../../schemas/objects.ts';
import type { Finding } from './finding.ts';

export interface ListedObject extends StoredObject {
  readonly parsed: ObjectName;
}

export interface ChainListing {
  readonly table: ChainTable;
  readonly partition: number;
  /** Null: there is none, or it cannot be read; a finding says so. */
  readonly genesis: Genesis | null;
  /** Visible objects of this table and partition, by hour and offset. */
  readonly objects: readonly ListedObject[];
}

export interface LakeListing {
  readonly chains: readonly ChainListing[];
  readonly losses: ReadonlyMap<string, ListedObject>;
  readonly findings: readonly Finding[];
  /** Of all that is visible. */
  readonly bytes: number;
}

const TABLES: readonly TableName[] = ['flows', 'losses', 'ownership'];
const GENESIS_NAME = /^_chain\/(flows|ownership)-(\d{5})$/;
const GENESIS_BYTES_MAX = 64 * 1024;

/** Lists `_chain/` and the tables. */
export async function listLake(store: Store): Promise<LakeListing> {
  const findings: Finding[] = [];
  const genesis = await listGenesis(store, findings);
  const objects = new Map<string, ListedObject[]>();
  const losses = new Map<string, ListedObject>();
  let bytes = 0;
  const lists = await Promise.all(TABLES.map((table) => store.list(`${table}/`)));
  for (const [index, table] of TABLES.entries()) {
    for (const object of lists[index]!) {
      if (isHidden(object.name)) continue;
      bytes += object.bytes;
      const parsed = parseObjectName(object.name);
      if (parsed === null) findings.push(strange(table, object.name));
      else if (table === 'losses') losses.set(object.name, { ...object, parsed });
      else push(objects, chainKey(table, parsed.partition), { ...object, parsed });
    }
  }
  const keys = [...new Set([...genesis.keys(), ...objects.keys()])].sort();
  const chains = keys.map((key): ChainListing => {
    const [table, partition] = key.split('-') as [ChainTable, string];
    return {
      table,
      partition: Number(partition),
      genesis: genesis.get(key) ?? null,
      objects: objects.get(key) ?? [],
    };
  });
  return { chains, losses, findings, bytes };
}

async function listGenesis(store: Store, findings: Finding[]): Promise<Map<string, Genesis | null>> {
  const found = new Map<string, Genesis | null>();
  for (const object of await store.list('_chain/')) {
    const match = GENESIS_NAME.exec(object.name);
    if (match === null) continue;
    const table = match[1] as ChainTable;
    const partition = Number(match[2]);
    const bytes = await store.readRange(object.name, 0, Math.min(object.bytes, GENESIS_BYTES_MAX));
    const genesis = parseGenesis(new TextDecoder().decode(bytes));
    found.set(chainKey(table, partition), genesis);
    if (genesis === null) {
      const message = 'the object that begins the chain is not what Weir writes; restore it';
      findings.push({ code: 'genesis_invalid', table, partition, object: object.name, message });
    }
  }
  return found;
}

const chainKey = (table: string, partition: number): string => `${table}-${String(partition).padStart(5, '0')}`;

/** Query engines skip what begins with `_` or `.`, so it is not visible. */
const isHidden = (name: string): boolean =>
  name.split('/').some((part) => part.startsWith('_') || part.startsWith('.'));

const strange = (table: TableName, object: string): Finding => ({
  code: 'outside_chain',
  table,
  partition: null,
  object,
  message: 'no object of Weir has such a name, but queries would read it',
});

function push(map: Map<string, ListedObject[]>, key: string, object: ListedObject): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [object]);
  else list.push(object);
}
