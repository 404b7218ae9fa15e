/** A small lake in a folder of its own, written by DuckDB from rows that say only what matters to a test. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { Cell } from '../../../explore/cells.ts';
import { openLake } from '../../../explore/lake.ts';
import { queryAll } from '../../../explore/query.ts';
import {
  type ChainState,
  type ChainTable,
  formatFileMetadata,
  formatGenesis,
  formatObjectName,
  genesisName,
  hourOfMs,
  type LossEntry,
  lossesNameOf,
  META,
  OBJECT_SCHEMA,
  type ObjectFacts,
  type TableName,
} from '../../../schemas/objects.ts';
import { type Column, type ColumnType, TABLES } from '../../../schemas/tables.ts';
import { readFolderStore } from '../../../sink/store/folder.ts';

export type Value = string | number | boolean | null;
export type Row = Readonly<Record<string, Value>>;

export const LOG_ID = 'AAAAAAAAAAAAAAAAAAAAAA';
export const T0: number = Date.UTC(2026, 0, 2, 10, 30, 0);

const TYPES: Readonly<Record<ColumnType, string>> = {
  timestamp: 'TIMESTAMPTZ',
  bigint: 'BIGINT',
  int: 'INTEGER',
  string: 'VARCHAR',
  boolean: 'BOOLEAN',
};

/** ISO text of T0 plus milliseconds. */
export const at = (ms: number): string => new Date(T0 + ms).toISOString();

export class FixtureLake {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'weir-lake-'));
  readonly #connection: DuckDBConnection;
  readonly #states = new Map<string, ChainState>();

  private constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  static async make(): Promise<FixtureLake> {
    const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    return new FixtureLake(connection);
  }

  /** The answer of this lake with these flows besides, numbered: (ring, number) is unique in the table. */
  async ask(rows: readonly Row[], sql: string): Promise<Record<string, Cell>[]> {
    await this.append(
      'flows',
      rows.map((row, index) => ({ ...row, flow_number: index })),
    );
    const lake = await openLake({ store: readFolderStore(this.folder), threads: 1 });
    try {
      return await queryAll(lake, sql);
    } finally {
      lake.close();
    }
  }

  /** The same, of one row. */
  async one(rows: readonly Row[], sql: string): Promise<Record<string, Cell>> {
    const answer = await this.ask(rows, sql);
    assert.equal(answer.length, 1, JSON.stringify(answer));
    return answer[0]!;
  }

  remove(): void {
    this.#connection.closeSync();
    rmSync(this.folder, { recursive: true, force: true });
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  begin(table: ChainTable, partition: number = 0, ms: number = T0): void {
    const hour = hourOfMs(ms);
    this.put(genesisName(table, partition), formatGenesis({ logId: LOG_ID, firstOffset: 0, hour, format: 'parquet' }));
    this.#states.set(`${table}-${partition}`, {
      logId: LOG_ID,
      nextOffset: 0,
      hour,
      streams: new Map(),
      marks: new Map(),
    });
  }

  put(name: string, bytes: string | Uint8Array): void {
    mkdirSync(dirname(this.path(name)), { recursive: true });
    writeFileSync(this.path(name), bytes);
  }

  /**
   * Append one object to a chain. `streams` are the numbers after it; what they went on by must be rows and losses, unless a
   * test wants it otherwise.
   */
  async append(table: ChainTable, rows: readonly Row[], more: Appended = {}): Promise<string> {
    const { messages = 1, streams = {}, losses = [], partition = 0, logId, hourMs, flows, omit = [] } = more;
    const key = `${table}-${partition}`;
    if (!this.#states.has(key)) this.begin(table, partition);
    const before = this.#states.get(key)!;
    const next = new Map(before.streams);
    for (const [ring, number] of Object.entries(streams)) next.set(ring, { next: number, lastMs: T0 });
    const after: ChainState = {
      logId: logId ?? before.logId,
      nextOffset: before.nextOffset + messages,
      hour: hourMs === undefined ? before.hour : hourOfMs(hourMs),
      streams: next,
      marks: new Map(),
    };
    const { hour, nextOffset: firstOffset } = before;
    const name = formatObjectName({ table, hour, logId: before.logId, partition, firstOffset, format: 'parquet' });
    const schema = OBJECT_SCHEMA[table];
    const facts: ObjectFacts = {
      state: after,
      rows: rows.length,
      flows: flows ?? rows.length,
      losses,
      schema,
      writer: 'test',
    };
    await this.#copy(name, table, rows, formatFileMetadata(facts), omit);
    if (losses.length > 0) await this.writeLosses(lossesNameOf(name), losses);
    this.#states.set(key, after);
    return name;
  }

  /** As the sink makes it of the entries that its object tells. */
  async writeLosses(name: string, losses: readonly LossEntry[]): Promise<void> {
    const metadata = { [META.log]: LOG_ID, [META.rows]: String(losses.length), [META.schema]: OBJECT_SCHEMA.losses };
    await this.#copy(name, 'losses', losses.map(lossRow), metadata, []);
  }

  async #copy(
    name: string,
    table: TableName,
    rows: readonly Row[],
    metadata: Readonly<Record<string, string>>,
    omit: readonly string[],
  ): Promise<void> {
    const columns = TABLES.find((one) => one.name === table)!.columns.filter((column) => !omit.includes(column.name));
    refuseUnknown(table, rows);
    const pairs = Object.entries(metadata).map(([key, value]) => `'${key}': ${literal(value)}`);
    mkdirSync(dirname(this.path(name)), { recursive: true });
    await this.#connection.run(
      `COPY (${selectOf(columns, rows)}) TO '${this.path(name)}' (FORMAT parquet, KV_METADATA {${pairs.join(', ')}})`,
    );
  }
}

export interface Appended {
  readonly messages?: number;
  readonly streams?: Readonly<Record<string, number>>;
  readonly losses?: readonly LossEntry[];
  readonly partition?: number;
  /** Of a seal. */
  readonly logId?: string;
  /** The next object's hour. */
  readonly hourMs?: number;
  readonly flows?: number;
  /** Columns that the file lacks, as an older one does. */
  readonly omit?: readonly string[];
}

export const loss = (flows: number, ring = 'ring-a', reason = 'ring_full'): LossEntry => ({
  stage: 'kernel',
  reason,
  flows,
  startUs: T0 * 1000,
  endUs: T0 * 1000 + 5_000_000,
  node: 'node-a',
  ring,
  intentional: false,
  detectedBy: 'sidecar',
});

const lossRow = (entry: LossEntry): Row => ({
  interval_start: entry.startUs === null ? null : new Date(entry.startUs / 1000).toISOString(),
  interval_end: entry.endUs === null ? null : new Date(entry.endUs / 1000).toISOString(),
  stage: entry.stage,
  reason: entry.reason,
  flows: entry.flows,
  reporter_node: entry.node,
  ring_id: entry.ring,
  intentional: entry.intentional,
  detected_by: entry.detectedBy,
});

const literal = (value: Value | undefined): string => {
  if (value === undefined || value === null) return 'NULL';
  return typeof value === 'string' ? `'${value.replaceAll("'", "''")}'` : String(value);
};

/** A slip in a test's row would else be a null. */
function refuseUnknown(table: TableName, rows: readonly Row[]): void {
  const names = new Set(TABLES.find((one) => one.name === table)!.columns.map((column) => column.name));
  for (const name of rows.flatMap((row) => Object.keys(row)))
    if (!names.has(name)) throw new Error(`${table} has no column ${name}`);
}

function selectOf(columns: readonly Column[], rows: readonly Row[]): string {
  const one = (row: Row): string =>
    columns.map(({ name, type }) => `CAST(${literal(row[name])} AS ${TYPES[type]}) AS "${name}"`).join(', ');
  return rows.length === 0
    ? `SELECT ${one({})} WHERE false`
    : rows.map((row) => `SELECT ${one(row)}`).join(' UNION ALL ');
}

/** A flow as the client's kernel tells it: closed after a second, both ends known. */
export const clientRow = (row: Row = {}): Row => ({
  start_time: at(0),
  end_time: at(1000),
  connection_start_time: at(0),
  duration_us: 1_000_000,
  report: 'final',
  connection_count: 1,
  outcome: 'closed',
  reporter: 'src',
  role_method: 'handshake',
  peer_reports: true,
  protocol: 6,
  src_addr: '10.0.0.1',
  dst_addr: '10.0.0.2',
  src_port: 40_000,
  dst_port: 80,
  src_addr_scope: 'private',
  dst_addr_scope: 'private',
  src_network: 'net',
  src_namespace: 'shop',
  src_workload: 'web',
  src_workload_kind: 'Deployment',
  src_instance_uid: 'web-1',
  src_method: 'local',
  dst_method: 'none',
  dst_reason: 'ambiguous',
  bytes_to_dst: 100,
  bytes_to_src: 1000,
  segments_to_dst: 5,
  segments_to_src: 6,
  retransmitted_segments: 1,
  retransmitted_bytes: 10,
  lost_segments: 0,
  reordering_events: 0,
  out_of_order_segments: 0,
  rto_timeouts: 0,
  rtt_us: 200,
  rtt_var_us: 20,
  rtt_min_us: 100,
  connect_us: 150,
  busy_us: 1000,
  rwnd_limited_us: 0,
  sndbuf_limited_us: 0,
  unsent_bytes: 0,
  process_name: 'web',
  process_pid: 11,
  reporter_node: 'node-a',
  ring_id: 'ring-a',
  flow_number: 0,
  connection_id: 1,
  seeded: false,
  arrival_time: at(1500),
  ...row,
});

/** The same connection as the server's kernel tells it. */
export const serverRow = (row: Row = {}): Row =>
  clientRow({
    start_time: at(1),
    end_time: at(1001),
    connection_start_time: at(1),
    reporter: 'dst',
    src_network: null,
    src_namespace: null,
    src_workload: null,
    src_workload_kind: null,
    src_instance_uid: null,
    src_method: 'none',
    src_reason: 'no_claim',
    dst_network: 'net',
    dst_namespace: 'shop',
    dst_workload: 'cart',
    dst_workload_kind: 'Deployment',
    dst_instance_uid: 'cart-1',
    dst_method: 'local',
    dst_reason: null,
    retransmitted_segments: 3,
    rtt_us: 300,
    connect_us: null,
    process_name: 'cart',
    process_pid: 22,
    reporter_node: 'node-b',
    ring_id: 'ring-b',
    connection_id: 2,
    ...row,
  });
