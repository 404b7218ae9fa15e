/** The ledger as a table: every object that tells losses has its losses object, with the same entries. */
import { zstdDecompressSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import type { Clock } from '../../contract/clock.ts';
import type { Store, StoredObject } from '../../contract/store.ts';
import { type LossEntry, lossesNameOf, META } from '../../schemas/objects.ts';
import type { Finding } from './finding.ts';
import { type ParquetFooter, readParquetFooter } from './footer.ts';
import { readAvroHead, readAvroRows } from './avro-file.ts';
import { mapBounded } from './bounded.ts';
import type { ListedObject } from './lake-listing.ts';
import type { Link } from './walk.ts';

/** A writer makes the losses object right after its object: how long the last one of a chain is waited for. */
const WAIT_MS = 100;
const WAITS = 5;
/** Losses objects looked at together: most are small, and over a bucket the round trips are most of the time. */
const AT_ONCE = 16;
/** A ledger of 20,000 entries, the most of one object, is some hundred KB. */
const LOSSES_BYTES_MAX = 64 * 1024 * 1024;

export interface LossesInput {
  readonly partition: number;
  readonly links: readonly Link[];
  readonly losses: ReadonlyMap<string, ListedObject>;
}

/** Names that were accounted for are added to `seen`. */
export async function checkLosses(
  store: Store,
  clock: Clock,
  input: LossesInput,
  seen: Set<string>,
): Promise<Finding[]> {
  const { partition, links } = input;
  const last = links.at(-1);
  const checked = await mapBounded(links, AT_ONCE, async (link): Promise<Finding | null> => {
    const name = lossesNameOf(link.object.name);
    seen.add(name);
    const needed = link.losses.length > 0;
    const object = input.losses.get(name) ?? (needed ? await waitFor(store, clock, name, link === last) : null);
    if (object !== null) return compare(store, object, link, partition);
    if (!needed) return null;
    const message = `${link.object.name} tells ${link.losses.length} losses that the table does not show; start the sink, it makes the object anew`;
    return { code: 'losses_missing', table: 'losses', partition, object: name, message };
  });
  return checked.filter((finding) => finding !== null);
}

async function waitFor(store: Store, clock: Clock, name: string, isLast: boolean): Promise<StoredObject | null> {
  for (let wait = 0; ; wait++) {
    const object = await store.stat(name);
    if (object !== null || !isLast || wait === WAITS) return object;
    await clock.sleep(WAIT_MS);
  }
}

async function compare(store: Store, object: StoredObject, link: Link, partition: number): Promise<Finding | null> {
  const at = { table: 'losses', partition, object: object.name } as const;
  if (object.bytes > LOSSES_BYTES_MAX)
    return { ...at, code: 'object_invalid', message: `it has ${object.bytes} bytes` };
  const file = object.name.endsWith('.avro')
    ? await readAvroHead(store, object)
    : await readParquetFooter(store, object);
  if ('why' in file) {
    return { ...at, code: file.kind === 'cut' ? 'object_cut' : 'object_invalid', message: file.why };
  }
  const told = link.losses;
  const differ = (rows: number): Finding => {
    const message = `it has ${rows} rows, ${link.object.name} tells ${told.length} losses`;
    return { ...at, code: 'losses_differ', message };
  };
  if (file.kind === 'parquet' && file.rowsCount !== told.length) return differ(file.rowsCount);
  if (file.pairs[META.rows] !== String(told.length)) return differ(Number(file.pairs[META.rows]));
  const rows =
    file.kind === 'avro'
      ? await readAvroRows(store, object, file.head, told.length)
      : await readLosses(store, object, file);
  if (typeof rows === 'string') return { ...at, code: 'object_cut', message: rows };
  if (rows.length !== told.length) return differ(rows.length);
  const wrong = rows.findIndex((row, index) => textOfRow(row) !== textOf(told[index]!));
  if (wrong < 0) return null;
  return { ...at, code: 'losses_differ', message: `its row ${wrong} is not the loss that ${link.object.name} tells` };
}

/** The rows in their order; a sentence where they cannot be read. At most some 20,000. */
async function readLosses(
  store: Store,
  object: StoredObject,
  { metadata }: ParquetFooter,
): Promise<Record<string, unknown>[] | string> {
  const bytes = await store.readRange(object.name, 0, object.bytes);
  try {
    const file = bytes.slice().buffer;
    return await parquetReadObjects({
      file,
      metadata,
      compressors: { ZSTD: unzstd },
      parsers: { timestampFromMicroseconds: Number },
    });
  } catch (error) {
    return `its rows cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** A forged page cannot make more than it says. */
const unzstd = (input: Uint8Array, outputLength: number): Uint8Array =>
  zstdDecompressSync(input, { maxOutputLength: Math.max(1, outputLength) });

/** A row of the table, as `textOf` writes the loss that it was made from. */
const textOfRow = (row: Readonly<Record<string, unknown>>): string =>
  JSON.stringify([
    row['stage'],
    row['reason'],
    numberOrNull(row['flows']),
    numberOrNull(row['interval_start']),
    numberOrNull(row['interval_end']),
    row['reporter_node'] ?? null,
    row['ring_id'] ?? null,
    row['intentional'],
    row['detected_by'],
  ]);

const numberOrNull = (value: unknown): number | null => (value === null || value === undefined ? null : Number(value));

const textOf = (loss: LossEntry): string =>
  JSON.stringify([
    loss.stage,
    loss.reason,
    loss.flows,
    loss.startUs,
    loss.endUs,
    loss.node,
    loss.ring,
    loss.intentional,
    loss.detectedBy,
  ]);

/**
 * Losses objects that belong to no object of a chain.
 * @param listed the flows objects that were listed: one that came later is a writer's at work.
 */
export async function strayLosses(
  store: Store,
  losses: ReadonlyMap<string, ListedObject>,
  seen: ReadonlySet<string>,
  listed: ReadonlySet<string>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, object] of losses) {
    if (seen.has(name)) continue;
    const owner = `flows/${name.slice('losses/'.length)}`;
    if (!listed.has(owner) && (await store.stat(owner)) !== null) continue;
    const message =
      'it belongs to no object of a flows chain: that one was removed, or this is a copy; queries read its rows';
    findings.push({
      code: 'outside_chain',
      table: 'losses',
      partition: object.parsed.partition,
      object: name,
      message,
    });
  }
  return findings;
}
