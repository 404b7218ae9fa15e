/**
 * A lake of very many small objects, as a sink leaves it in a month, made in seconds: one Parquet file by the sink's own
 * parts for each kind of object, its metadata patched in place for every place of the chain. All of it proves itself.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Enricher } from '../enricher/enrich.ts';
import { OwnershipHistory } from '../enricher/ownership/history.ts';
import {
  formatFileMetadata,
  formatGenesis,
  formatHour,
  formatObjectName,
  genesisName,
  hourOfMs,
  type LossEntry,
  lossesNameOf,
  META,
  OBJECT_SCHEMA,
} from '../schemas/objects.ts';
import type { TableData } from '../sink/format/columns.ts';
import { lossesTable } from '../sink/format/losses-table.ts';
import { openParquetFormat } from '../sink/format/parquet.ts';
import { FlowsContent } from '../sink/flows-content.ts';
import type { Offset } from '../transport/log.ts';
import { enrichedOf } from './enriched.ts';
import { AS_OF_US, fleetOf, FLOWS_US, ownershipOf, rawBatchesOf } from './fleet.ts';

export interface MonthLake {
  readonly partitions: number;
  readonly hours: number;
  readonly objectsPerHour: number;
  /** Streams of a partition: every object tells of all of them. */
  readonly streams: number;
  /** Of one object. */
  readonly rows: number;
  /** One of so many objects tells a loss. */
  readonly lossEvery: number;
}

export interface MadeLake {
  /** Of chains and of losses. */
  readonly objects: number;
  readonly bytes: number;
  readonly flows: number;
  readonly losses: number;
}

const BEGIN_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;
const LOG_ID = 'AAAAAAAAAAAAAAAAAAAAAA';
/** Stand for numbers of the same width in what the writer makes: nothing else in a file looks like them. */
const OFFSET_MARK = '7310046291500046';
const NEXT_MARK = '6204815516204815';
const HOUR_MARK = 'dt=2099-12-31/hour=23';
const LOST = 3;

export async function makeMonthLake(folder: string, shape: MonthLake): Promise<MadeLake> {
  const { partitions, hours, objectsPerHour, streams, rows, lossEvery } = shape;
  if (rows % streams !== 0) throw new RangeError(`${rows} rows are not the same number for each of ${streams} streams`);
  const templates = await templatesOf(shape);
  const made = { objects: 0, bytes: 0, flows: 0, losses: 0 };
  const put = (name: string, bytes: Uint8Array | string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
    made.objects++;
    made.bytes += bytes.length;
  };
  for (let partition = 0; partition < partitions; partition++) {
    const genesis = { logId: LOG_ID, firstOffset: 0, hour: hourOfMs(BEGIN_MS), format: 'parquet' } as const;
    put(genesisName('flows', partition), formatGenesis(genesis));
    let next = 0;
    for (let i = 0; i < hours * objectsPerHour; i++) {
      const at = hourOfMs(BEGIN_MS + Math.floor(i / objectsPerHour) * HOUR_MS);
      const after = hourOfMs(BEGIN_MS + Math.floor((i + 1) / objectsPerHour) * HOUR_MS);
      const tells = i % lossEvery === 0;
      next += rows / streams + (tells ? LOST : 0);
      const name = formatObjectName({
        table: 'flows',
        hour: at,
        logId: LOG_ID,
        partition,
        firstOffset: i,
        format: 'parquet',
      });
      put(name, (tells ? templates.telling : templates.plain).at(i + 1, next, formatHour(after)));
      made.flows += rows;
      if (!tells) continue;
      put(lossesNameOf(name), templates.losses);
      made.losses += LOST * streams;
    }
  }
  return made;
}

interface Templates {
  readonly plain: Patched;
  readonly telling: Patched;
  readonly losses: Uint8Array;
}

async function templatesOf({ streams, rows }: MonthLake): Promise<Templates> {
  const format = openParquetFormat();
  const folder = await mkdtemp(join(tmpdir(), 'weir-month-'));
  try {
    const file = join(folder, 'template.parquet');
    const write = async (table: TableData, metadata: Record<string, string>): Promise<Uint8Array> => {
      await format.write(table, file, metadata);
      const bytes = await readFile(file);
      await rm(file);
      return bytes;
    };
    const table = flowsOf(rows);
    const losses = Array.from({ length: streams }, (_, i) => lossOf(`ring-${i}-p0`));
    const plain = new Patched(await write(table, metadataOf(streams, rows, [])));
    const telling = new Patched(await write(flowsOf(rows), metadataOf(streams, rows, losses)));
    const own = { [META.log]: LOG_ID, [META.rows]: String(losses.length), [META.schema]: OBJECT_SCHEMA.losses };
    return { plain, telling, losses: await write(lossesTable(losses), own) };
  } finally {
    await format.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** So many rows of a fleet, as the sink would hand them to the writer. */
function flowsOf(rows: number): TableData {
  const fleet = fleetOf({ addresses: 200, skew: 'zipf' });
  const history = new OwnershipHistory();
  for (const message of ownershipOf(fleet)) history.apply(message, AS_OF_US / 1000);
  const content = new FlowsContent();
  content.begin({ logId: LOG_ID, nextOffset: 0, hour: hourOfMs(BEGIN_MS), streams: new Map(), marks: new Map() });
  const [batch] = rawBatchesOf(fleet, 1, rows);
  const value = enrichedOf(new Enricher(history), [{ ...batch!, ring: 'ring-0', first: 0, next: rows }]);
  const message = { offset: 0 as Offset, appendMs: FLOWS_US / 1000, key: null, value, headers: {} };
  content.fold(content.decode(message));
  return content.finish(FLOWS_US / 1000).table;
}

/** With marks in place of what differs between objects. */
function metadataOf(streams: number, rows: number, losses: readonly LossEntry[]): Record<string, string> {
  const state = { logId: LOG_ID, nextOffset: 0, hour: hourOfMs(BEGIN_MS), marks: new Map(), streams: new Map() };
  const metadata = formatFileMetadata({ state, rows, flows: rows, losses, schema: OBJECT_SCHEMA.flows, writer: '' });
  const next = Array.from({ length: streams }, (_, i) => `"ring-${i}-p0":[${NEXT_MARK},${BEGIN_MS}]`);
  return {
    ...metadata,
    [META.endOffset]: OFFSET_MARK,
    [META.hour]: HOUR_MARK,
    [META.streams]: `{${next.join(',')}}`,
  };
}

const lossOf = (ring: string): LossEntry => ({
  stage: 'kernel',
  reason: 'ring_full',
  flows: LOST,
  startUs: BEGIN_MS * 1000,
  endUs: BEGIN_MS * 1000 + 1_000_000,
  node: 'n1',
  ring,
  intentional: false,
  detectedBy: 'sidecar',
});

/** A file in which the marks are replaced; numbers are padded in front, as JSON allows with blanks. */
class Patched {
  readonly #bytes: Buffer;
  readonly #places: ReadonlyMap<string, readonly number[]>;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes);
    this.#places = new Map([OFFSET_MARK, NEXT_MARK, HOUR_MARK].map((mark) => [mark, placesOf(this.#bytes, mark)]));
  }

  /** The bytes are the caller's until the next call. */
  at(nextOffset: number, next: number, hour: string): Uint8Array {
    this.#patch(OFFSET_MARK, String(nextOffset).padStart(OFFSET_MARK.length, '0'));
    this.#patch(NEXT_MARK, String(next).padStart(NEXT_MARK.length, ' '));
    this.#patch(HOUR_MARK, hour);
    return this.#bytes;
  }

  #patch(mark: string, text: string): void {
    for (const place of this.#places.get(mark)!) this.#bytes.write(text, place, 'latin1');
  }
}

function placesOf(bytes: Buffer, mark: string): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) places.push(at);
  if (places.length === 0) throw new Error(`the writer did not write ${mark}`);
  return places;
}
