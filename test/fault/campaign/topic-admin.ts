/** What operators do to topics: look, add partitions, take old messages away, delete; by kafkajs' admin client. */
import { setTimeout as pause } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { TOPICS } from '../../../transport/log.ts';

export const RAW: string = `weir.${TOPICS.raw}`;
export const ENRICHED: string = `weir.${TOPICS.enriched}`;

const TRIES = 20;
const PAUSE_MS = 500;

export class TopicAdmin {
  readonly #admin: kafkajs.Admin;
  readonly #producer: kafkajs.Producer;
  #isConnected = false;

  constructor(brokers: string[], clientId: string) {
    const { Kafka, logLevel } = kafkajs;
    const kafka = new Kafka({ brokers, clientId, logLevel: logLevel.NOTHING, retry: { retries: 2 } });
    this.#admin = kafka.admin();
    this.#producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
  }

  async partitions(topic: string): Promise<{ readonly partition: number; readonly leader: number }[]> {
    const { topics } = await this.#again((admin) => admin.fetchTopicMetadata({ topics: [topic] }));
    return (topics[0]?.partitions ?? []).map(({ partitionId, leader }) => ({ partition: partitionId, leader }));
  }

  async grow(topic: string, count: number): Promise<void> {
    await this.#again((admin) => admin.createPartitions({ topicPartitions: [{ topic, count }] }));
    while ((await this.partitions(topic)).length < count) await pause(PAUSE_MS);
  }

  /** As retention does: everything that is there goes. */
  async expire(topic: string): Promise<void> {
    const ends = await this.#again((admin) => admin.fetchTopicOffsets(topic));
    const partitions = ends.map(({ partition, high }) => ({ partition, offset: high }));
    await this.#again((admin) => admin.deleteTopicRecords({ topic, partitions }));
  }

  async remove(topics: string[]): Promise<void> {
    await this.#again((admin) => admin.deleteTopics({ topics }));
    while ((await this.#again((admin) => admin.listTopics())).some((topic) => topics.includes(topic))) {
      await pause(PAUSE_MS);
    }
  }

  async write(topic: string, partition: number, value: string): Promise<void> {
    await this.#again(() => this.#producer.send({ topic, messages: [{ partition, value }] }));
  }

  async close(): Promise<void> {
    if (this.#isConnected) await Promise.all([this.#admin.disconnect(), this.#producer.disconnect()]);
  }

  /** Brokers may be away for a while. */
  async #again<T>(work: (admin: kafkajs.Admin) => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries++) {
      try {
        if (!this.#isConnected) await Promise.all([this.#admin.connect(), this.#producer.connect()]);
        this.#isConnected = true;
        return await work(this.#admin);
      } catch (error) {
        if (tries === TRIES) throw error;
        await pause(PAUSE_MS);
      }
    }
  }
}
