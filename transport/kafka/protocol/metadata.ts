/** Metadata v12: brokers, and topics with their UUID, which kafkajs' own request (v6) does not ask for. */
import { type ApiRequest, apiRequest } from './request.ts';
import type { WireReader } from './wire.ts';

export interface BrokerAddress {
  readonly node: number;
  readonly host: string;
  readonly port: number;
}

export interface PartitionMetadata {
  readonly error: number;
  readonly partition: number;
  /** Node id; -1 while there is none. */
  readonly leader: number;
}

export interface TopicMetadata {
  readonly error: number;
  readonly name: string;
  /** 22 characters base64url. */
  readonly id: string;
  /** In order of partition. */
  readonly partitions: readonly PartitionMetadata[];
}

export interface Metadata {
  readonly brokers: readonly BrokerAddress[];
  readonly controller: number;
  readonly topics: readonly TopicMetadata[];
}

const NO_UUID: Buffer = Buffer.alloc(16);

/** Of these topics; none asks for the brokers alone. */
export const metadataRequest = (topics: readonly string[]): ApiRequest<Metadata> =>
  apiRequest({
    key: 3,
    version: 12,
    name: 'Metadata',
    flexible: true,
    write: (writer) => {
      writer.compactArray(topics, (topic) => writer.raw(NO_UUID).compactString(topic).noTags());
      // No topics made by asking, no list of rights.
      writer.bool(false).bool(false).noTags();
    },
    read: (reader) => {
      reader.int32();
      const brokers = reader.compactArray(() => broker(reader));
      reader.compactString();
      const controller = reader.int32();
      return { brokers, controller, topics: reader.compactArray(() => topic(reader)) };
    },
  });

function broker(reader: WireReader): BrokerAddress {
  const node = reader.int32();
  const host = reader.compactString() ?? '';
  const port = reader.int32();
  reader.compactString();
  reader.skipTags();
  return { node, host, port };
}

function topic(reader: WireReader): TopicMetadata {
  const error = reader.int16();
  const name = reader.compactString() ?? '';
  const id = reader.uuid();
  reader.bool();
  const partitions = reader.compactArray(() => partition(reader));
  reader.int32();
  reader.skipTags();
  return { error, name, id, partitions: partitions.sort((a, b) => a.partition - b.partition) };
}

function partition(reader: WireReader): PartitionMetadata {
  const error = reader.int16();
  const index = reader.int32();
  const leader = reader.int32();
  reader.int32();
  for (let list = 0; list < 3; list++) reader.compactArray(() => reader.int32());
  reader.skipTags();
  return { error, partition: index, leader };
}
