/**
 * The campaign's own view of the lake: object files read where the S3 server keeps them, with hyparquet, which shares no
 * code with the writer. New objects are added at each look; one that changed is an error by itself.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parquetMetadata, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

export interface LakeRow {
  readonly srcAddr: string;
  readonly reporter: string;
  readonly report: string;
  readonly connections: number;
  readonly bytesToDst: number;
  readonly bytesToSrc: number;
  readonly node: string;
  readonly ring: string;
  readonly number: number;
  readonly object: string;
}

export interface LakeLoss {
  readonly flows: number | null;
  readonly reason: string;
  readonly node: string | null;
  readonly ring: string | null;
  readonly object: string;
}

const COLUMNS = ['src_addr', 'reporter', 'report', 'connection_count', 'bytes_to_dst', 'bytes_to_src'].concat([
  'reporter_node',
  'ring_id',
  'flow_number',
]);

export class LakeReader {
  readonly rows: LakeRow[] = [];
  /** As the objects of `flows` tell them in their metadata. */
  readonly told: LakeLoss[] = [];
  /** As the table `losses` has them. */
  readonly ledger: LakeLoss[] = [];
  /** Objects that were there before and are other ones now. */
  readonly changed: string[] = [];
  /** Where each stream stands, by the newest object that names it. */
  readonly streams: Map<string, number> = new Map();
  readonly #folder: string;
  readonly #seen = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  get objects(): number {
    return this.#seen.size;
  }

  async look(): Promise<void> {
    for (const table of ['flows', 'losses']) {
      const names = await listed(join(this.#folder, table));
      for (const name of names.filter((each) => each.endsWith('.parquet')).sort()) {
        await this.#take(table, `${table}/${name}`);
      }
    }
  }

  async #take(table: string, name: string): Promise<void> {
    const path = join(this.#folder, name);
    const { ino, size, mtimeMs } = await stat(path);
    const version = `${ino}/${size}/${mtimeMs}`;
    const known = this.#seen.get(name);
    if (known === version) return;
    if (known !== undefined) this.changed.push(name);
    this.#seen.set(name, version);
    const bytes = await readFile(path);
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
    const metadata = parquetMetadata(file);
    const pairs = new Map((metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value ?? '']));
    if (table === 'losses') return this.#takeLosses(await parquetReadObjects({ file, compressors, metadata }), name);
    const rows = await parquetReadObjects({ file, compressors, metadata, columns: COLUMNS });
    for (const row of rows) this.rows.push(rowOf(row, name));
    for (const entry of JSON.parse(pairs.get('weir-loss-entries') ?? '[]') as LakeLoss[]) {
      this.told.push({ flows: entry.flows, reason: entry.reason, node: entry.node, ring: entry.ring, object: name });
    }
    const streams = JSON.parse(pairs.get('weir-streams') ?? '{}') as Record<string, [number, number]>;
    for (const [ring, [next]] of Object.entries(streams)) {
      this.streams.set(ring, Math.max(next, this.streams.get(ring) ?? 0));
    }
  }

  #takeLosses(rows: readonly Record<string, unknown>[], name: string): void {
    for (const row of rows) {
      const flows = row['flows'] === null || row['flows'] === undefined ? null : Number(row['flows']);
      const { reason, reporter_node: node, ring_id: ring } = row as Record<string, string | null>;
      const object = name.replace(/^losses/, 'flows');
      this.ledger.push({ flows, reason: reason ?? '', node: node ?? null, ring: ring ?? null, object });
    }
  }
}

function rowOf(row: Record<string, unknown>, object: string): LakeRow {
  return {
    srcAddr: String(row['src_addr']),
    reporter: String(row['reporter']),
    report: String(row['report']),
    connections: Number(row['connection_count']),
    bytesToDst: Number(row['bytes_to_dst']),
    bytesToSrc: Number(row['bytes_to_src']),
    node: String(row['reporter_node']),
    ring: String(row['ring_id']),
    number: Number(row['flow_number']),
    object,
  };
}

async function listed(folder: string): Promise<string[]> {
  try {
    return await readdir(folder, { recursive: true });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
