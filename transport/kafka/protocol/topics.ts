/** Making and looking at topics: CreateTopics v4 (the first to let brokers choose the replicas), DescribeConfigs v1. */
import { refuse } from './error-codes.ts';
import { type ApiRequest, apiRequest } from './request.ts';

export interface NewTopic {
  readonly name: string;
  readonly partitions: number;
  readonly configs: Readonly<Record<string, string>>;
}

export interface TopicOutcome {
  readonly name: string;
  readonly error: number;
  readonly message: string | null;
}

/** Replication is the cluster's default. Asked of the controller. */
export const createTopicsRequest = (
  topics: readonly NewTopic[],
  timeoutMs: number,
): ApiRequest<readonly TopicOutcome[]> =>
  apiRequest({
    key: 19,
    version: 4,
    name: 'CreateTopics',
    write: (writer) => {
      writer.array(topics, ({ name, partitions, configs }) => {
        writer.string(name).int32(partitions).int16(-1);
        writer.array([], () => undefined);
        writer.array(Object.entries(configs), ([key, value]) => writer.string(key).string(value));
      });
      writer.int32(timeoutMs).bool(false);
    },
    read: (reader) => {
      reader.int32();
      return reader.array(() => ({ name: reader.string(), error: reader.int16(), message: reader.nullableString() }));
    },
  });

const TOPIC_RESOURCE = 2;

/** Values by name; those that the broker does not know are missing. */
export const topicConfigsRequest = (topic: string, names: readonly string[]): ApiRequest<ReadonlyMap<string, string>> =>
  apiRequest({
    key: 32,
    version: 1,
    name: 'DescribeConfigs',
    write: (writer) => {
      writer.array([topic], (name) => {
        writer.int8(TOPIC_RESOURCE).string(name);
        writer.array(names, (each) => writer.string(each));
      });
      writer.bool(false);
    },
    read: (reader) => {
      reader.int32();
      const resources = reader.array(() => {
        refuse(reader.int16());
        reader.nullableString();
        reader.int8();
        reader.string();
        return reader.array((): [string, string] => {
          const entry: [string, string] = [reader.string(), reader.nullableString() ?? ''];
          reader.bool();
          reader.int8();
          reader.bool();
          reader.array(() => [reader.string(), reader.nullableString(), reader.int8()]);
          return entry;
        });
      });
      return new Map(resources.flat());
    },
  });
