/**
 * A static table as what a reporter says: every enricher and every replay then knows the same, at the same place of the
 * ownership log. A table that does not fit one message is several reporters, `vms.csv`, `vms.csv#1`, …; each network
 * has its own. Pure.
 */
import { createHash } from 'node:crypto';
import { OWNERSHIP_MESSAGE_BYTES_MAX } from '../../contract/limits.ts';
import { Method, OwnershipKind, ReporterKind, type Workload } from '../../schemas/generated/common.ts';
import { ClaimColumns, encodeOwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import type { StaticRow } from './static-rows.ts';

/** Of the claim's columns in Avro, at most. */
const CLAIM_BYTES_MAX = 80;
const MESSAGE_BYTES_SPARE = 4096;
/** A change of what follows from a row must become another epoch. */
const VERSION = 1;

export interface StaticReporter {
  readonly network: string;
  readonly name: string;
  readonly rows: readonly StaticRow[];
  /** Of the rows: equal content has equal digests. */
  readonly digest: string;
}

/** The reporters of a table, in a fixed order. `network` stands where a row names none. */
export function staticReporters(file: string, rows: readonly StaticRow[], network: string): readonly StaticReporter[] {
  const byNetwork = new Map<string, StaticRow[]>();
  for (const row of rows) {
    const scope = row.network || network;
    const known = byNetwork.get(scope);
    if (known === undefined) byNetwork.set(scope, [row]);
    else known.push(row);
  }
  return [...byNetwork].flatMap(([scope, own]) =>
    parts(own).map((part, i) => {
      const name = i === 0 ? file : `${file}#${i}`;
      return { network: scope, name, rows: part, digest: digestOf(part) };
    }),
  );
}

function parts(rows: readonly StaticRow[]): StaticRow[][] {
  const out: StaticRow[][] = [];
  let room = 0;
  for (const row of rows) {
    const bytes = CLAIM_BYTES_MAX + textBytes(row);
    if (bytes > room) {
      out.push([]);
      room = OWNERSHIP_MESSAGE_BYTES_MAX - MESSAGE_BYTES_SPARE;
    }
    out.at(-1)!.push(row);
    room -= bytes;
  }
  return out;
}

function textBytes(row: StaticRow): number {
  let bytes = 0;
  for (const text of Object.values(workloadOf(row, row.network))) bytes += Buffer.byteLength(text) + 3;
  return bytes;
}

function digestOf(rows: readonly StaticRow[]): string {
  const text = JSON.stringify(rows.map((row) => ({ ...row, addr: Buffer.from(row.addr).toString('hex') })));
  return createHash('sha256').update(`${VERSION}\n${text}`).digest('hex').slice(0, 32);
}

function workloadOf(row: StaticRow, network: string): Workload {
  const { name, namespace, region, availabilityZone, accountId, vpcId, subnetId, prefixLength } = row;
  return {
    network,
    cluster: '',
    namespace,
    name,
    kind: name === '' ? '' : row.kind,
    instance: prefixLength === 128 ? name : '',
    instanceUid: '',
    node: '',
    region,
    availabilityZone,
    accountId,
    vpcId,
    subnetId,
    labels: '',
  };
}

export interface StaticMessage {
  readonly cluster: string;
  readonly epoch: string;
  readonly seq: number;
  readonly kind: OwnershipKind;
  readonly asOfUs: number;
  readonly intervalMs: number;
}

/** One message of a reporter; the rows go out with a full list only. */
export function encodeStaticMessage(reporter: StaticReporter, message: StaticMessage): Uint8Array {
  const rows = message.kind === OwnershipKind.full ? reporter.rows : [];
  const claims = new ClaimColumns(Math.max(1, rows.length));
  claims.length = rows.length;
  rows.forEach((row, i) => {
    claims.addr.set(row.addr, 16 * i);
    claims.prefixLength[i] = row.prefixLength;
    claims.port[i] = 0;
    claims.workload[i] = i;
    claims.method[i] = row.prefixLength === 128 ? Method.address : Method.prefix;
    claims.earliestUs[i] = row.fromUs;
    claims.fromUs[i] = row.fromUs;
    claims.toUs[i] = row.toUs;
    claims.latestUs[i] = row.toUs;
  });
  const { network, name } = reporter;
  return encodeOwnershipMessage({
    ...message,
    network,
    reporter: name,
    reporterKind: ReporterKind.static,
    workloads: rows.map((row) => workloadOf(row, network)),
    pods: [],
    claims,
  });
}
