// Generated from schemas/flows.raw.v1.avsc, schemas/ownership.v1.avsc, schemas/flows.enriched.v1.avsc by schemas/generate; do not edit.

import type { AvroReader } from '../avro-reader.ts';
import type { AvroWriter } from '../avro-writer.ts';
import { RecordMemo } from '../record-memo.ts';

export const NatSource = {
  conntrack: 0,
  peerReport: 1,
} as const;
export type NatSource = (typeof NatSource)[keyof typeof NatSource];
/** The symbol of each index, as SQL shows it. */
export const NAT_SOURCE_SYMBOLS = ['conntrack', 'peer_report'] as const;

export const Report = {
  final: 0,
  interim: 1,
  failed: 2,
  merged: 3,
} as const;
export type Report = (typeof Report)[keyof typeof Report];
/** The symbol of each index, as SQL shows it. */
export const REPORT_SYMBOLS = ['final', 'interim', 'failed', 'merged'] as const;

export const Role = {
  unknown: 0,
  client: 1,
  server: 2,
} as const;
export type Role = (typeof Role)[keyof typeof Role];
/** The symbol of each index, as SQL shows it. */
export const ROLE_SYMBOLS = ['unknown', 'client', 'server'] as const;

export const RoleMethod = {
  unknown: 0,
  handshake: 1,
  listener: 2,
} as const;
export type RoleMethod = (typeof RoleMethod)[keyof typeof RoleMethod];
/** The symbol of each index, as SQL shows it. */
export const ROLE_METHOD_SYMBOLS = ['unknown', 'handshake', 'listener'] as const;

export const LocalOutcome = {
  open: 0,
  closed: 1,
  resetByLocal: 2,
  resetByRemote: 3,
  refused: 4,
  timedOut: 5,
  unreachable: 6,
  abandoned: 7,
  other: 8,
} as const;
export type LocalOutcome = (typeof LocalOutcome)[keyof typeof LocalOutcome];
/** The symbol of each index, as SQL shows it. */
export const LOCAL_OUTCOME_SYMBOLS = ['open', 'closed', 'reset_by_local', 'reset_by_remote', 'refused', 'timed_out', 'unreachable', 'abandoned', 'other'] as const;

export const Method = {
  none: 0,
  local: 1,
  peer: 2,
  port: 3,
  address: 4,
  service: 5,
  node: 6,
  prefix: 7,
  geo: 8,
} as const;
export type Method = (typeof Method)[keyof typeof Method];
/** The symbol of each index, as SQL shows it. */
export const METHOD_SYMBOLS = ['none', 'local', 'peer', 'port', 'address', 'service', 'node', 'prefix', 'geo'] as const;

export const ReporterKind = {
  sidecar: 0,
  watcher: 1,
  static: 2,
} as const;
export type ReporterKind = (typeof ReporterKind)[keyof typeof ReporterKind];
/** The symbol of each index, as SQL shows it. */
export const REPORTER_KIND_SYMBOLS = ['sidecar', 'watcher', 'static'] as const;

export const OwnershipKind = {
  full: 0,
  delta: 1,
  asOf: 2,
  goodbye: 3,
} as const;
export type OwnershipKind = (typeof OwnershipKind)[keyof typeof OwnershipKind];
/** The symbol of each index, as SQL shows it. */
export const OWNERSHIP_KIND_SYMBOLS = ['full', 'delta', 'as_of', 'goodbye'] as const;

export const Reporter = {
  src: 0,
  dst: 1,
} as const;
export type Reporter = (typeof Reporter)[keyof typeof Reporter];
/** The symbol of each index, as SQL shows it. */
export const REPORTER_SYMBOLS = ['src', 'dst'] as const;

export const Outcome = {
  open: 0,
  closed: 1,
  resetBySrc: 2,
  resetByDst: 3,
  refused: 4,
  timedOut: 5,
  unreachable: 6,
  abandoned: 7,
  other: 8,
} as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];
/** The symbol of each index, as SQL shows it. */
export const OUTCOME_SYMBOLS = ['open', 'closed', 'reset_by_src', 'reset_by_dst', 'refused', 'timed_out', 'unreachable', 'abandoned', 'other'] as const;

export const Reason = {
  none: 0,
  noClaim: 1,
  gap: 2,
  ambiguous: 3,
  reporterSilent: 4,
  holdExpired: 5,
} as const;
export type Reason = (typeof Reason)[keyof typeof Reason];
/** The symbol of each index, as SQL shows it. */
export const REASON_SYMBOLS = ['none', 'no_claim', 'gap', 'ambiguous', 'reporter_silent', 'hold_expired'] as const;

/** Flows that are told instead of shown: who dropped how many, where and why. */
export interface Loss {
  /** Where: kernel, sidecar, transport, enricher, sink. Kind: id. */
  readonly stage: string;
  /** Why, a closed list per stage: ring_full, state_full, overload, batch_lost, undecodable, ... Kind: id. */
  readonly reason: string;
  /** Flow numbers that this entry stands for; -1: unknown how many. Unit: flows. Kind: delta. Source: the stage's counter. */
  readonly flows: number;
  /** From when they were lost. Unit: us since 1970. Kind: id. */
  readonly intervalStartUs: number;
  /** Until when. Unit: us since 1970. Kind: id. */
  readonly intervalEndUs: number;
  /** Dropped by a rule that was configured rather than by need. Kind: id. */
  readonly intentional: boolean;
}

export const LOSS_BYTES_MIN = 6;

export function readLoss(reader: AvroReader): Loss {
  return {
    stage: reader.readString('Loss.stage'),
    reason: reader.readString('Loss.reason'),
    flows: reader.readLong(),
    intervalStartUs: reader.readLong(),
    intervalEndUs: reader.readLong(),
    intentional: reader.readBoolean('Loss.intentional'),
  };
}

export function writeLoss(writer: AvroWriter, value: Loss): void {
  writer.writeString(value.stage, 'Loss.stage');
  writer.writeString(value.reason, 'Loss.reason');
  writer.writeLong(value.flows);
  writer.writeLong(value.intervalStartUs);
  writer.writeLong(value.intervalEndUs);
  writer.writeBoolean(value.intentional);
}

/** Somebody who can hold an address. Empty string: not known. */
export interface Workload {
  /** Scope of addresses: two networks may use the same ranges. Kind: id. */
  readonly network: string;
  /** Cluster of the reporter. Kind: id. */
  readonly cluster: string;
  /** Kubernetes namespace or the like. Kind: id. */
  readonly namespace: string;
  /** The workload: Deployment, systemd unit, container name, process name. Kind: id. */
  readonly name: string;
  /** A closed list, docs/reference/tables.md: Deployment, StatefulSet, DaemonSet, Job, CronJob, Pod, SystemdUnit, Container, Process, Cgroup, Service, Node, External. Kind: id. */
  readonly kind: string;
  /** The one that ran: pod name, container id, unit, process name. Kind: id. */
  readonly instance: string;
  /** Never reused: pod UID, container id, or node/cgroup id. Kind: id. */
  readonly instanceUid: string;
  /** Where it ran. Kind: id. */
  readonly node: string;
  /** Kind: id. */
  readonly region: string;
  /** Kind: id. */
  readonly availabilityZone: string;
  /** Kind: id. */
  readonly accountId: string;
  /** Kind: id. */
  readonly vpcId: string;
  /** Kind: id. */
  readonly subnetId: string;
  /** JSON object of the allow-listed labels, or empty. Kind: id. */
  readonly labels: string;
}

export const WORKLOAD_BYTES_MIN = 14;

const memoOfWorkloads = new RecordMemo<Workload>(14, readNewWorkload);

export function readWorkload(reader: AvroReader): Workload {
  return memoOfWorkloads.read(reader);
}

function readNewWorkload(reader: AvroReader): Workload {
  return {
    network: reader.readString('Workload.network'),
    cluster: reader.readString('Workload.cluster'),
    namespace: reader.readString('Workload.namespace'),
    name: reader.readString('Workload.name'),
    kind: reader.readString('Workload.kind'),
    instance: reader.readString('Workload.instance'),
    instanceUid: reader.readString('Workload.instance_uid'),
    node: reader.readString('Workload.node'),
    region: reader.readString('Workload.region'),
    availabilityZone: reader.readString('Workload.availability_zone'),
    accountId: reader.readString('Workload.account_id'),
    vpcId: reader.readString('Workload.vpc_id'),
    subnetId: reader.readString('Workload.subnet_id'),
    labels: reader.readString('Workload.labels'),
  };
}

export function writeWorkload(writer: AvroWriter, value: Workload): void {
  writer.writeString(value.network, 'Workload.network');
  writer.writeString(value.cluster, 'Workload.cluster');
  writer.writeString(value.namespace, 'Workload.namespace');
  writer.writeString(value.name, 'Workload.name');
  writer.writeString(value.kind, 'Workload.kind');
  writer.writeString(value.instance, 'Workload.instance');
  writer.writeString(value.instanceUid, 'Workload.instance_uid');
  writer.writeString(value.node, 'Workload.node');
  writer.writeString(value.region, 'Workload.region');
  writer.writeString(value.availabilityZone, 'Workload.availability_zone');
  writer.writeString(value.accountId, 'Workload.account_id');
  writer.writeString(value.vpcId, 'Workload.vpc_id');
  writer.writeString(value.subnetId, 'Workload.subnet_id');
  writer.writeString(value.labels, 'Workload.labels');
}

/** The process that owned a socket at the reporting end. */
export interface Process {
  /** comm of the thread group leader. Kind: id. Source: kernel task_struct. */
  readonly name: string;
  /** Thread group id in the host's pid namespace, 0: not known. Kind: id. */
  readonly pid: number;
  /** Owner of the socket. Kind: id. Source: sk_uid. */
  readonly userId: number;
  /** 64 hex digits, or empty. Kind: id. Source: cgroup path. */
  readonly containerId: string;
}

export const PROCESS_BYTES_MIN = 4;

export function readProcess(reader: AvroReader): Process {
  return {
    name: reader.readString('Process.name'),
    pid: reader.readLong(),
    userId: reader.readLong(),
    containerId: reader.readString('Process.container_id'),
  };
}

export function writeProcess(writer: AvroWriter, value: Process): void {
  writer.writeString(value.name, 'Process.name');
  writer.writeLong(value.pid);
  writer.writeLong(value.userId);
  writer.writeString(value.containerId, 'Process.container_id');
}

/** An address that a translation leads to. */
export interface NatAddress {
  /** IPv6, IPv4 as ::ffff:a.b.c.d. Kind: id. */
  readonly addr: Uint8Array;
}

export const NAT_ADDRESS_BYTES_MIN = 16;

export function readNatAddress(reader: AvroReader): NatAddress {
  return {
    addr: reader.readFixed(16),
  };
}

export function writeNatAddress(writer: AvroWriter, value: NatAddress): void {
  writer.writeFixed(value.addr, 16, 'NatAddress.addr');
}

/** The ends of a connection as the other end's socket sees them: of a client's row after the translation, of a server's before it. */
export interface LocalTranslation {
  /** Index in flows; in ascending order, at most one a row. Kind: id. */
  readonly row: number;
  /** Index in nat_addresses, -1: the local end is not translated. Kind: id. */
  readonly localAddr: number;
  /** -1 where the end is not translated, and in a merged row. Kind: id. */
  readonly localPort: number;
  /** Index in nat_addresses, -1: the remote end is not translated. Kind: id. */
  readonly remoteAddr: number;
  /** -1 where the end is not translated, and in a merged row. Kind: id. */
  readonly remotePort: number;
  /** From whom it is known. Kind: id. */
  readonly source: NatSource;
}

export const LOCAL_TRANSLATION_BYTES_MIN = 6;

export function readLocalTranslation(reader: AvroReader): LocalTranslation {
  return {
    row: reader.readInt(),
    localAddr: reader.readInt(),
    localPort: reader.readInt(),
    remoteAddr: reader.readInt(),
    remotePort: reader.readInt(),
    source: reader.readEnum(NAT_SOURCE_SYMBOLS.length, 'LocalTranslation.source') as NatSource,
  };
}

export function writeLocalTranslation(writer: AvroWriter, value: LocalTranslation): void {
  writer.writeInt(value.row, 'LocalTranslation.row');
  writer.writeInt(value.localAddr, 'LocalTranslation.local_addr');
  writer.writeInt(value.localPort, 'LocalTranslation.local_port');
  writer.writeInt(value.remoteAddr, 'LocalTranslation.remote_addr');
  writer.writeInt(value.remotePort, 'LocalTranslation.remote_port');
  writer.writeEnum(value.source, NAT_SOURCE_SYMBOLS.length, 'LocalTranslation.source');
}

/** Which pod a UID is: sidecars only know the UID. The workload has it as instance_uid. */
export interface Pod {
  /** Index in workloads. Kind: id. */
  readonly workload: number;
  /** When it was created. Unit: us since 1970. Kind: id. */
  readonly fromUs: number;
  /** When it was gone or had ended; -1: it is there. Unit: us since 1970. Kind: id. */
  readonly toUs: number;
}

export const POD_BYTES_MIN = 3;

export function readPod(reader: AvroReader): Pod {
  return {
    workload: reader.readInt(),
    fromUs: reader.readLong(),
    toUs: reader.readLong(),
  };
}

export function writePod(writer: AvroWriter, value: Pod): void {
  writer.writeInt(value.workload, 'Pod.workload');
  writer.writeLong(value.fromUs);
  writer.writeLong(value.toUs);
}

/** One raw message that this batch carries whole. */
export interface Source {
  /** Its offset in the raw partition. Kind: id. */
  readonly offset: number;
  /** The raw log's append time: arrival_time. Unit: us since 1970. Kind: id. */
  readonly appendUs: number;
  /** Kind: id. */
  readonly cluster: string;
  /** Kind: id. */
  readonly network: string;
  /** Kind: id. */
  readonly node: string;
  /** The stream; empty where the message could not be decoded. Kind: id. */
  readonly ring: string;
  /** Kind: id. */
  readonly seq: number;
  /** Kind: id. */
  readonly first: number;
  /** Kind: id. */
  readonly next: number;
  /** Flow numbers that its rows stand for. Unit: flow numbers. Kind: delta. */
  readonly flows: number;
  /** Its rows in this batch; they stand in the order of the sources. Kind: delta. */
  readonly rows: number;
  /** next - first = flows + sum of losses. */
  readonly losses: readonly Loss[];
}

export const SOURCE_BYTES_MIN = 12;

export function readSource(reader: AvroReader): Source {
  return {
    offset: reader.readLong(),
    appendUs: reader.readLong(),
    cluster: reader.readString('Source.cluster'),
    network: reader.readString('Source.network'),
    node: reader.readString('Source.node'),
    ring: reader.readString('Source.ring'),
    seq: reader.readLong(),
    first: reader.readLong(),
    next: reader.readLong(),
    flows: reader.readLong(),
    rows: reader.readInt(),
    losses: reader.readArray(LOSS_BYTES_MIN, readLoss, 'Source.losses'),
  };
}

export function writeSource(writer: AvroWriter, value: Source): void {
  writer.writeLong(value.offset);
  writer.writeLong(value.appendUs);
  writer.writeString(value.cluster, 'Source.cluster');
  writer.writeString(value.network, 'Source.network');
  writer.writeString(value.node, 'Source.node');
  writer.writeString(value.ring, 'Source.ring');
  writer.writeLong(value.seq);
  writer.writeLong(value.first);
  writer.writeLong(value.next);
  writer.writeLong(value.flows);
  writer.writeInt(value.rows, 'Source.rows');
  writer.writeArray(value.losses, writeLoss, 'Source.losses');
}

/** Where an address outside belongs. */
export interface Place {
  /** ISO 3166-1 alpha-2, or empty. Kind: id. */
  readonly country: string;
  /** -1: not known. Kind: id. */
  readonly asNumber: number;
  /** Kind: id. */
  readonly asOrg: string;
}

export const PLACE_BYTES_MIN = 3;

export function readPlace(reader: AvroReader): Place {
  return {
    country: reader.readString('Place.country'),
    asNumber: reader.readLong(),
    asOrg: reader.readString('Place.as_org'),
  };
}

export function writePlace(writer: AvroWriter, value: Place): void {
  writer.writeString(value.country, 'Place.country');
  writer.writeLong(value.asNumber);
  writer.writeString(value.asOrg, 'Place.as_org');
}

/** The Service that was called. */
export interface Service {
  /** Kind: id. */
  readonly name: string;
  /** Kind: id. */
  readonly namespace: string;
}

export const SERVICE_BYTES_MIN = 2;

export function readService(reader: AvroReader): Service {
  return {
    name: reader.readString('Service.name'),
    namespace: reader.readString('Service.namespace'),
  };
}

export function writeService(writer: AvroWriter, value: Service): void {
  writer.writeString(value.name, 'Service.name');
  writer.writeString(value.namespace, 'Service.namespace');
}

/** The ends of a connection as the socket of the end that does not report sees them: of a client's row after the translation, of a server's before it. */
export interface Translation {
  /** Index in flows; in ascending order, at most one a row. Kind: id. */
  readonly row: number;
  /** Index in nat_addresses, -1: the src end is not translated. Kind: id. */
  readonly srcAddr: number;
  /** -1 where the end is not translated, and in a merged row. Kind: id. */
  readonly srcPort: number;
  /** Index in nat_addresses, -1: the dst end is not translated. Kind: id. */
  readonly dstAddr: number;
  /** -1 where the end is not translated, and in a merged row. Kind: id. */
  readonly dstPort: number;
  /** From whom it is known. Kind: id. */
  readonly source: NatSource;
}

export const TRANSLATION_BYTES_MIN = 6;

export function readTranslation(reader: AvroReader): Translation {
  return {
    row: reader.readInt(),
    srcAddr: reader.readInt(),
    srcPort: reader.readInt(),
    dstAddr: reader.readInt(),
    dstPort: reader.readInt(),
    source: reader.readEnum(NAT_SOURCE_SYMBOLS.length, 'Translation.source') as NatSource,
  };
}

export function writeTranslation(writer: AvroWriter, value: Translation): void {
  writer.writeInt(value.row, 'Translation.row');
  writer.writeInt(value.srcAddr, 'Translation.src_addr');
  writer.writeInt(value.srcPort, 'Translation.src_port');
  writer.writeInt(value.dstAddr, 'Translation.dst_addr');
  writer.writeInt(value.dstPort, 'Translation.dst_port');
  writer.writeEnum(value.source, NAT_SOURCE_SYMBOLS.length, 'Translation.source');
}
