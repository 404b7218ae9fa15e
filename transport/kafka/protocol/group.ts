/** The classic group protocol: FindCoordinator v2, JoinGroup v5, SyncGroup v3, Heartbeat v3, LeaveGroup v2. */
import { KAFKA_ERROR, refuse } from './error-codes.ts';
import type { BrokerAddress } from './metadata.ts';
import { type ApiRequest, apiRequest } from './request.ts';
import { WireReader, WireWriter } from './wire.ts';

export const findCoordinatorRequest = (group: string): ApiRequest<BrokerAddress> =>
  apiRequest({
    key: 10,
    version: 2,
    name: 'FindCoordinator',
    write: (writer) => writer.string(group).int8(0),
    read: (reader) => {
      reader.int32();
      refuse(reader.int16());
      reader.nullableString();
      return { node: reader.int32(), host: reader.string(), port: reader.int32() };
    },
  });

export interface JoinAsked {
  readonly group: string;
  readonly sessionMs: number;
  /** How long the coordinator waits for members that are still busy. */
  readonly rebalanceMs: number;
  /** Empty at first. */
  readonly memberId: string;
  readonly protocol: string;
  readonly metadata: Uint8Array;
}

export interface Joined {
  readonly generation: number;
  readonly memberId: string;
  readonly leaderId: string;
  /** Of the leader only; others get none. */
  readonly members: readonly { readonly memberId: string; readonly metadata: Buffer }[];
}

/** `memberId` alone: join again with this id (KIP-394). */
export type JoinAnswer = Joined | { readonly memberId: string };

export const joinGroupRequest = (asked: JoinAsked): ApiRequest<JoinAnswer> =>
  apiRequest<JoinAnswer>({
    key: 11,
    version: 5,
    name: 'JoinGroup',
    write: (writer) => {
      writer.string(asked.group).int32(asked.sessionMs).int32(asked.rebalanceMs);
      writer.string(asked.memberId).string(null).string('consumer');
      writer.array([asked], ({ protocol, metadata }) => writer.string(protocol).bytes(metadata));
    },
    read: (reader) => {
      reader.int32();
      const error = reader.int16();
      const generation = reader.int32();
      reader.nullableString();
      const leaderId = reader.string();
      const memberId = reader.string();
      const members = reader.array(() => {
        const id = reader.string();
        reader.nullableString();
        return { memberId: id, metadata: reader.nullableBytes() ?? Buffer.alloc(0) };
      });
      if (error === KAFKA_ERROR.memberIdRequired) return { memberId };
      refuse(error);
      return { generation, memberId, leaderId, members };
    },
  });

export interface MemberIdentity {
  readonly group: string;
  readonly generation: number;
  readonly memberId: string;
}

/** `assignments` is empty for all but the leader. Resolves to the member's own. */
export const syncGroupRequest = (
  { group, generation, memberId }: MemberIdentity,
  assignments: ReadonlyMap<string, Uint8Array>,
): ApiRequest<Buffer> =>
  apiRequest({
    key: 14,
    version: 3,
    name: 'SyncGroup',
    write: (writer) => {
      writer.string(group).int32(generation).string(memberId).string(null);
      writer.array([...assignments], ([id, bytes]) => writer.string(id).bytes(bytes));
    },
    read: (reader) => {
      reader.int32();
      refuse(reader.int16());
      return reader.nullableBytes() ?? Buffer.alloc(0);
    },
  });

export const heartbeatRequest = ({ group, generation, memberId }: MemberIdentity): ApiRequest<void> =>
  apiRequest({
    key: 12,
    version: 3,
    name: 'Heartbeat',
    write: (writer) => writer.string(group).int32(generation).string(memberId).string(null),
    read: (reader) => {
      reader.int32();
      refuse(reader.int16());
    },
  });

export const leaveGroupRequest = (group: string, memberId: string): ApiRequest<void> =>
  apiRequest({
    key: 13,
    version: 2,
    name: 'LeaveGroup',
    write: (writer) => writer.string(group).string(memberId),
    read: (reader) => {
      reader.int32();
      refuse(reader.int16());
    },
  });

/** Kafka's "consumer" embedded protocol, version 0, so that its own tools show our groups. */
export interface Subscription {
  readonly topics: readonly string[];
  readonly userData: Uint8Array;
}

export function encodeSubscription({ topics, userData }: Subscription): Buffer {
  const writer = new WireWriter();
  return writer
    .int16(0)
    .array(topics, (topic) => writer.string(topic))
    .bytes(userData).written;
}

export function decodeSubscription(bytes: Buffer): Subscription {
  const reader = new WireReader(bytes);
  reader.int16();
  return { topics: reader.array(() => reader.string()), userData: reader.nullableBytes() ?? Buffer.alloc(0) };
}

export function encodeAssignment(topic: string, partitions: readonly number[]): Buffer {
  const writer = new WireWriter();
  return writer
    .int16(0)
    .array([topic], (name) => writer.string(name).array(partitions, (partition) => writer.int32(partition)))
    .bytes(Buffer.alloc(0)).written;
}

/** Partitions of `topic`; none in an empty assignment. */
export function decodeAssignment(bytes: Buffer, topic: string): readonly number[] {
  if (bytes.length === 0) return [];
  const reader = new WireReader(bytes);
  reader.int16();
  const topics = reader.array(() => ({ name: reader.string(), partitions: reader.array(() => reader.int32()) }));
  return topics.filter(({ name }) => name === topic).flatMap(({ partitions }) => partitions);
}
