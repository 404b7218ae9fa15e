/** Making topics, and checking that those that exist are what Weir needs. */
import { WeirError } from '../../contract/errors.ts';
import type { TopicDescription, TopicSpec } from '../log.ts';
import { topicBounds } from './bounds.ts';
import type { Cluster } from './cluster.ts';
import { weirError } from './faults.ts';
import { KAFKA_ERROR, ProtocolError } from './protocol/error-codes.ts';
import type { TopicMetadata } from './protocol/metadata.ts';
import { createTopicsRequest, type NewTopic, topicConfigsRequest, type TopicOutcome } from './protocol/topics.ts';
import { BATCH_OVERHEAD_BYTES } from './topic-limits.ts';

const CREATE_MS = 10_000;
const LEADERS_MS = 15_000;
const LOOK_MS = 50;
/** The brokers choose the replicas: that there are too few of them to choose from passes. */
const PASSING: ReadonlySet<number> = new Set([KAFKA_ERROR.notController, KAFKA_ERROR.invalidReplication]);

/** The configuration of a topic of Weir; append times are the broker's. */
function configsOf(spec: TopicSpec): Readonly<Record<string, string>> {
  return {
    'cleanup.policy': 'delete',
    'message.timestamp.type': 'LogAppendTime',
    'max.message.bytes': String(spec.messageBytesMax + BATCH_OVERHEAD_BYTES),
    'retention.ms': String(spec.retentionMs ?? -1),
    'retention.bytes': String(spec.retentionBytes ?? -1),
    'compression.type': 'producer',
  };
}

export async function ensureTopics(cluster: Cluster, specs: readonly TopicSpec[]): Promise<void> {
  const missing: NewTopic[] = [];
  for (const spec of specs) {
    if (!Number.isInteger(spec.partitions) || spec.partitions < 1)
      throw mismatch(spec.name, `${spec.partitions} partitions were asked for`);
    const found = await lookUp(cluster, spec.name);
    if (found === null) missing.push({ name: spec.name, partitions: spec.partitions, configs: configsOf(spec) });
    else await check(cluster, spec, found);
  }
  if (missing.length === 0) return;
  await create(cluster, missing);
  for (const { name } of missing) await leadersOf(cluster, name);
  // Another process may have made them meanwhile, as something else.
  const made = new Set(missing.map(({ name }) => name));
  for (const spec of specs.filter(({ name }) => made.has(name)))
    await check(cluster, spec, await cluster.topic(spec.name));
}

export async function describeTopic(cluster: Cluster, name: string): Promise<TopicDescription> {
  return cluster.patiently(`cannot look at ${name}`, { topic: name }, async () => {
    const { id, partitions } = await cluster.askTopic(name);
    return { name, id, partitions: await topicBounds(cluster, name, partitions.length) };
  });
}

/** Null when there is none. */
async function lookUp(cluster: Cluster, name: string): Promise<TopicMetadata | null> {
  const nothing = KAFKA_ERROR.unknownTopicOrPartition;
  return cluster.patiently(`cannot look for ${name}`, {}, async () => {
    const [topic] = (await cluster.metadata([name])).topics;
    if (topic === undefined || topic.error === nothing) return null;
    if (topic.error !== 0) throw new ProtocolError(topic.error);
    return topic;
  });
}

async function check(cluster: Cluster, spec: TopicSpec, found: TopicMetadata): Promise<void> {
  const { name } = spec;
  if (found.partitions.length !== spec.partitions)
    throw mismatch(name, `it has ${found.partitions.length} partitions, and ${spec.partitions} were asked for`);
  const wanted = configsOf(spec);
  const configs = await cluster.patiently(`cannot look at the configuration of ${name}`, { topic: name }, async () => {
    const { node } = await cluster.leader(name, 0);
    return cluster.call(node, 'control', topicConfigsRequest(name, Object.keys(wanted)));
  });
  for (const key of ['cleanup.policy', 'message.timestamp.type']) {
    const value = configs.get(key) ?? '';
    if (value !== wanted[key]) throw mismatch(name, `its ${key} is ${value}, and must be ${wanted[key]}`);
  }
  const limit = Number(configs.get('max.message.bytes'));
  if (limit < Number(wanted['max.message.bytes']))
    throw mismatch(name, `its max.message.bytes is ${limit}, and must be ${wanted['max.message.bytes']} or more`);
  for (const key of ['retention.ms', 'retention.bytes']) {
    const value = configs.get(key);
    // An operator's own choice: told, not undone.
    if (value !== wanted[key])
      cluster.logger.warn({ topic: name, key, value, asked: wanted[key] }, 'retention_differs');
  }
}

const mismatch = (topic: string, why: string): WeirError =>
  new WeirError('WEIR_TRANSPORT_TOPIC_MISMATCH', `${topic}: ${why}; alter the topic, or choose another topicPrefix`, {
    topic,
  });

async function create(cluster: Cluster, topics: readonly NewTopic[]): Promise<void> {
  const what = `cannot make ${topics.map(({ name }) => name).join(', ')}`;
  const outcomes = await cluster.patiently(what, {}, async (): Promise<readonly TopicOutcome[]> => {
    await cluster.metadata([]);
    const answer = await cluster.call(cluster.controller, 'control', createTopicsRequest(topics, CREATE_MS), CREATE_MS);
    const passing = answer.find(({ error }) => PASSING.has(error));
    if (passing !== undefined) throw new ProtocolError(passing.error);
    return answer;
  });
  for (const { name, error, message } of outcomes) {
    if (error === 0 || error === KAFKA_ERROR.topicExists) continue;
    throw weirError(new ProtocolError(error), `cannot make ${name}${message === null ? '' : ` (${message})`}`);
  }
}

/** Until every partition has a leader that all calls will find. */
async function leadersOf(cluster: Cluster, name: string): Promise<void> {
  const what = `${name} was made and has no leaders`;
  await cluster.patiently(
    what,
    { topic: name },
    async () => {
      const { partitions } = await cluster.askTopic(name);
      if (partitions.some(({ leader }) => leader < 0)) throw new ProtocolError(KAFKA_ERROR.leaderNotAvailable);
      await cluster.clock.sleep(LOOK_MS, cluster.signal);
      await topicBounds(cluster, name, partitions.length);
    },
    LEADERS_MS,
  );
}
