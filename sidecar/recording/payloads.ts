/** The payloads of frames as objects. Writing is `toJson`; reading checks every field. */
import type { Workload } from '../../schemas/generated/common.ts';
import type { SourceCounters, SourceStart } from '../flow-source.ts';
import type { HostSnapshot, Listener, LocalIdentity, NetworkNamespace } from '../host-view.ts';
import type { Frame } from './format.ts';
import { JsonReader } from './json.ts';

export interface RecordedNode {
  readonly node: string;
  readonly cluster: string;
  readonly network: string;
}

export interface RecordedIdentity {
  readonly cgroupId: number;
  /** Empty: whatever the process. */
  readonly comm: string;
  readonly identity: LocalIdentity;
}

export function readNode(frame: Frame): RecordedNode {
  const json = new JsonReader(frame.fileOffset);
  const value = json.object(json.parse(frame.payload), 'node');
  return {
    node: json.string(value['node'], 'node.node'),
    cluster: json.string(value['cluster'], 'node.cluster'),
    network: json.string(value['network'], 'node.network'),
  };
}

export function readStart(frame: Frame): SourceStart {
  const json = new JsonReader(frame.fileOffset);
  const value = json.object(json.parse(frame.payload), 'start');
  return {
    ringId: json.string(value['ringId'], 'start.ringId'),
    bootToUnixUs: json.number(value['bootToUnixUs'], 'start.bootToUnixUs'),
    jiffiesHz: Math.max(1, json.count(value['jiffiesHz'], 'start.jiffiesHz')),
  };
}

export function readCounters(frame: Frame): SourceCounters {
  const json = new JsonReader(frame.fileOffset);
  const value = json.object(json.parse(frame.payload), 'counters');
  return {
    made: json.count(value['made'], 'counters.made'),
    dropped: json.counts(value['dropped'], 'counters.dropped'),
    listenDropped: json.count(value['listenDropped'], 'counters.listenDropped'),
    stateFull: json.count(value['stateFull'], 'counters.stateFull'),
    recursionMisses: json.counts(value['recursionMisses'], 'counters.recursionMisses'),
  };
}

export function readIdentity(frame: Frame): RecordedIdentity {
  const json = new JsonReader(frame.fileOffset);
  const value = json.object(json.parse(frame.payload), 'identity');
  const identity = json.object(value['identity'], 'identity.identity');
  const workload = json.object(identity['workload'], 'identity.workload');
  const text = (name: keyof Workload): string => json.string(workload[name], `workload.${name}`);
  return {
    cgroupId: json.count(value['cgroupId'], 'identity.cgroupId'),
    comm: json.string(value['comm'], 'identity.comm'),
    identity: {
      containerId: json.string(identity['containerId'], 'identity.containerId'),
      workload: {
        network: text('network'),
        cluster: text('cluster'),
        namespace: text('namespace'),
        name: text('name'),
        kind: text('kind'),
        instance: text('instance'),
        instanceUid: text('instanceUid'),
        node: text('node'),
        region: text('region'),
        availabilityZone: text('availabilityZone'),
        accountId: text('accountId'),
        vpcId: text('vpcId'),
        subnetId: text('subnetId'),
        labels: text('labels'),
      },
    },
  };
}

export function readSnapshot(frame: Frame): HostSnapshot {
  const json = new JsonReader(frame.fileOffset);
  const value = json.object(json.parse(frame.payload), 'snapshot');
  return {
    startedUs: json.number(value['startedUs'], 'snapshot.startedUs'),
    finishedUs: json.number(value['finishedUs'], 'snapshot.finishedUs'),
    namespaces: json.array(value['namespaces'], 'snapshot.namespaces').map((item) => readNamespace(json, item)),
    listeners: json.array(value['listeners'], 'snapshot.listeners').map((item) => readListener(json, item)),
  };
}

/** A scan that saw what the one before had seen. */
export function readUnchanged(frame: Frame, before: HostSnapshot): HostSnapshot {
  const json = new JsonReader(frame.fileOffset);
  const [startedUs, finishedUs] = json.array(json.parse(frame.payload), 'unchanged');
  return {
    ...before,
    startedUs: json.number(startedUs, 'unchanged.startedUs'),
    finishedUs: json.number(finishedUs, 'unchanged.finishedUs'),
  };
}

function readNamespace(json: JsonReader, item: unknown): NetworkNamespace {
  const value = json.object(item, 'namespace');
  return {
    inode: json.integer(value['inode'], 'namespace.inode'),
    shared: json.boolean(value['shared'], 'namespace.shared'),
    cgroupIds: json.array(value['cgroupIds'], 'namespace.cgroupIds').map((id) => json.count(id, 'namespace.cgroupIds')),
    addresses: json.array(value['addresses'], 'namespace.addresses').map((entry) => {
      const address = json.object(entry, 'address');
      return {
        addr: json.address(address['addr'], 'address.addr'),
        prefixLength: Math.min(128, json.count(address['prefixLength'], 'address.prefixLength')),
      };
    }),
  };
}

function readListener(json: JsonReader, item: unknown): Listener {
  const value = json.object(item, 'listener');
  return {
    netns: json.integer(value['netns'], 'listener.netns'),
    addr: json.address(value['addr'], 'listener.addr'),
    port: Math.min(65_535, json.count(value['port'], 'listener.port')),
    cgroupId: json.count(value['cgroupId'], 'listener.cgroupId'),
    pid: json.count(value['pid'], 'listener.pid'),
    comm: json.string(value['comm'], 'listener.comm'),
  };
}
