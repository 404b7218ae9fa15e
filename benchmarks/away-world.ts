/**
 * What the soak of a stage whose downstream is away needs: Kafka and S3 behind proxies, a steady input, and both topics of
 * flows read back.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { topicSpecs } from '../cli/topics.ts';
import { compileConfig } from '../contract/config.ts';
import { decodeEnrichedBatch } from '../schemas/generated/flows-enriched-v1.ts';
import { decodeRawBatch, encodeRawBatch } from '../schemas/generated/flows-raw-v1.ts';
import { encodeOwnershipMessage } from '../schemas/generated/ownership-v1.ts';
import { S3World } from '../test/fixtures/s3-world.ts';
import { FaultProxy } from '../test/servers/fault-proxy.ts';
import { HttpFaultProxy } from '../test/servers/http-fault-proxy.ts';
import { type KafkaCluster, startKafka } from '../test/servers/kafka.ts';
import { type KafkaLog, openKafkaLog } from '../transport/kafka/kafka-log.ts';
import { HEADER, type Offset } from '../transport/log.ts';
import { fleetOf, ownershipOf, rawBatchesOf } from './fleet.ts';
import { ROOT } from './harness.ts';

export const RAW = 'weir.flows.raw.v1';
export const ENRICHED = 'weir.flows.enriched.v1';
const OWNERSHIP = 'weir.ownership.v1';
const ADDRESSES = 2000;
const BATCHES = 50;
const BATCH_FLOWS = 1000;
const TOPIC_RESOURCE = 2;
const READY_MS = 60_000;

export class AwayWorld {
  readonly kafka: KafkaCluster;
  readonly brokerProxy: FaultProxy;
  readonly s3: S3World;
  readonly s3Proxy: HttpFaultProxy;
  /** Past the proxy. */
  readonly log: KafkaLog;
  readonly #children: ChildProcess[] = [];

  private constructor(parts: Pick<AwayWorld, 'kafka' | 'brokerProxy' | 's3' | 's3Proxy' | 'log'>) {
    this.kafka = parts.kafka;
    this.brokerProxy = parts.brokerProxy;
    this.s3 = parts.s3;
    this.s3Proxy = parts.s3Proxy;
    this.log = parts.log;
  }

  static async start(): Promise<AwayWorld> {
    const brokerProxy = await FaultProxy.start();
    const kafka = await startKafka({ advertisedPorts: [brokerProxy.port] });
    brokerProxy.target = kafka.ports[0]!.plain;
    const s3 = await S3World.start();
    const s3Proxy = await HttpFaultProxy.start({ target: s3.server.endpoint, seed: 1 });
    const log = await openKafkaLog({ brokers: [`127.0.0.1:${brokerProxy.port}`] });
    await log.ensureTopics(topicSpecs(compileConfig([])));
    return new AwayWorld({ kafka, brokerProxy, s3, s3Proxy, log });
  }

  /** `weir STAGE` over this Kafka, once it is ready. */
  async stage(name: 'sidecar' | 'enricher' | 'sink', more: readonly string[]): Promise<ChildProcess> {
    const flags = ['--transport-kind', 'kafka', '--transport-brokers', `127.0.0.1:${this.brokerProxy.port}`];
    const quiet = ['--metrics-listen', 'off', '--log-level', 'info'];
    const child = spawn(process.execPath, [join(ROOT, 'bin', 'weir'), name, ...flags, ...quiet, ...more], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#children.push(child);
    let told = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (told = (told + text).slice(-4000)));
    for (let waitedMs = 0; !/started/.test(told); waitedMs += 50) {
      if (child.exitCode !== null || waitedMs > READY_MS) throw new Error(`weir ${name} did not start: ${told}`);
      await sleep(50);
    }
    return child;
  }

  /** What a writer to the enriched topic meets: two replicas are asked for, and there is one. Reading goes on. */
  async refuseEnriched(isRefused: boolean): Promise<void> {
    const admin = new kafkajs.Kafka({ brokers: this.kafka.addresses(), logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: TOPIC_RESOURCE, name: ENRICHED }],
    });
    // An alteration replaces all that was set on the topic.
    const kept = resources[0]!.configEntries
      .filter(({ isDefault, configName }) => !isDefault && configName !== 'min.insync.replicas')
      .map(({ configName, configValue }) => ({ name: configName, value: configValue }));
    const configEntries = [...kept, { name: 'min.insync.replicas', value: isRefused ? '2' : '1' }];
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: TOPIC_RESOURCE, name: ENRICHED, configEntries }],
    });
    await admin.disconnect();
  }

  async stop(): Promise<void> {
    for (const child of this.#children) if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await this.log.close();
    await this.brokerProxy.stop();
    await this.kafka.stop();
    await this.s3Proxy.close();
    await this.s3.stop();
  }
}

export async function ended(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  const [status] = (await exit) as [number | null];
  assert.equal(status, 0, 'the stage ends cleanly');
}

/** Raw batches at a steady rate, numbered through in one stream; `stop` answers how many flows it sent. */
export async function feed(log: KafkaLog, flowsSecond: number): Promise<{ stop: () => Promise<number> }> {
  const fleet = fleetOf({ addresses: ADDRESSES, skew: 'zipf' });
  for (const message of ownershipOf(fleet))
    await log.produce(OWNERSHIP, 0, [{ key: null, value: encodeOwnershipMessage(message), headers: {} }]);
  const batches = rawBatchesOf(fleet, BATCHES, BATCH_FLOWS);
  let isOver = false;
  const run = async (): Promise<number> => {
    const from = performance.now();
    for (let seq = 0; ; seq++) {
      if (isOver) return seq * BATCH_FLOWS;
      const first = seq * BATCH_FLOWS;
      const range = { ring: 'ring-steady', seq, first, next: first + BATCH_FLOWS };
      const batch = { ...batches[seq % BATCHES]!, ...range };
      const headers = {
        [HEADER.node]: batch.node,
        [HEADER.ring]: range.ring,
        [HEADER.seq]: String(seq),
        [HEADER.first]: String(first),
        [HEADER.next]: String(range.next),
        [HEADER.flows]: String(BATCH_FLOWS),
      };
      await log.produce(RAW, 0, [{ key: batch.node, value: encodeRawBatch(batch), headers }]);
      await sleep(Math.max(0, from + ((seq + 1) * BATCH_FLOWS * 1000) / flowsSecond - performance.now()));
    }
  };
  const running = run();
  running.catch(() => undefined); // `stop` tells of it
  return {
    stop: () => {
      isOver = true;
      return running;
    },
  };
}

async function* messagesOf(log: KafkaLog, topic: string) {
  const { end } = (await log.describe(topic)).partitions[0]!;
  for (let from = 0 as Offset; from < end; ) {
    const { messages } = await log.read(topic, 0, from, { messagesMax: 256, bytesMax: 8 << 20, waitMs: 1000 });
    yield* messages;
    const last = messages.at(-1);
    if (last !== undefined) from = (last.offset + 1) as Offset;
  }
}

export interface Told {
  /** Flow numbers that rows stand for. */
  flows: number;
  connections: number;
  rows: number;
  lost: Record<string, number>;
}

/** The raw topic, each batch once. */
export async function readRaw(log: KafkaLog): Promise<Told> {
  const told: Told = { flows: 0, connections: 0, rows: 0, lost: {} };
  const next = new Map<string, number>();
  for await (const { value } of messagesOf(log, RAW)) {
    const batch = decodeRawBatch(value);
    const state = next.get(batch.ring) ?? 0;
    if (batch.next <= state) continue;
    assert.equal(batch.first, state, 'no gap in the stream');
    next.set(batch.ring, batch.next);
    told.rows += batch.flows.length;
    for (let row = 0; row < batch.flows.length; row++) {
      told.flows += batch.flows.numbers[row]!;
      told.connections += batch.flows.connectionCount[row]!;
    }
    for (const { reason, flows } of batch.losses) told.lost[reason] = (told.lost[reason] ?? 0) + flows;
  }
  return told;
}

/** Rows of the enriched topic, each source once. */
export async function readEnriched(log: KafkaLog): Promise<number> {
  let rows = 0;
  let next = 0;
  for await (const { value } of messagesOf(log, ENRICHED)) {
    for (const source of decodeEnrichedBatch(value).sources) {
      if (source.next <= next) continue;
      assert.equal(source.first, next, 'no gap in the stream');
      next = source.next;
      rows += source.rows;
    }
  }
  return rows;
}
