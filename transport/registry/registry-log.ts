/**
 * A log whose values on the wire are in Confluent wire format. Above it everything speaks single-object encoding: what is
 * produced is given the registry's id in place of the fingerprint, and what is read the fingerprint in place of the id.
 * Messages of either framing are read. What the registry does not know goes up as it came, and is refused there.
 */
import { type Clock, systemClock } from '../../contract/clock.ts';
import { WeirError } from '../../contract/errors.ts';
import { type Logger, silentLogger } from '../../contract/log.ts';
import * as log from '../log.ts';
import { confluentId, singleObjectHeaderOf, toConfluent, toSingleObject } from './framing.ts';
import { schemaOfTopic } from './known-schemas.ts';
import { RegistryClient, type RegistryOptions } from './registry-client.ts';
import { SchemaIds } from './schema-ids.ts';

export interface RegistryLogOptions extends RegistryOptions {
  /** Messages are written there as they came. */
  readonly deadLettersTopic: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** How long the registry may be away at the start. */
  readonly openMs?: number;
}

const OPEN_MS = 15_000;
const PAUSE_MS = 500;

/** Fails: WEIR_TRANSPORT_REGISTRY_UNREACHABLE, WEIR_TRANSPORT_REGISTRY_REFUSED; the inner log stays open then. */
export async function openRegistryLog(inner: log.Log, options: RegistryLogOptions): Promise<log.Log> {
  const { clock = systemClock, logger = silentLogger, openMs = OPEN_MS } = options;
  const client = new RegistryClient(options);
  await firstAnswer(client, clock, openMs);
  return new RegistryLog(inner, new SchemaIds(client, clock, logger), options.deadLettersTopic);
}

async function firstAnswer(client: RegistryClient, clock: Clock, openMs: number): Promise<void> {
  const endMs = clock.nowMs() + openMs;
  for (;;) {
    try {
      return await client.check();
    } catch (error) {
      if (!(error instanceof WeirError) || error.disposition !== 'retry') throw error;
      if (clock.nowMs() + PAUSE_MS > endMs) {
        const message = `${error.message}; look at transport.registry`;
        throw new WeirError('WEIR_TRANSPORT_REGISTRY_UNREACHABLE', message, error.context, error);
      }
    }
    await clock.sleep(PAUSE_MS);
  }
}

class RegistryLog implements log.Log {
  readonly #inner: log.Log;
  readonly #ids: SchemaIds;
  readonly #deadLettersTopic: string;

  constructor(inner: log.Log, ids: SchemaIds, deadLettersTopic: string) {
    this.#inner = inner;
    this.#ids = ids;
    this.#deadLettersTopic = deadLettersTopic;
  }

  /** Their schemas too: who makes the topics finds out whether the registry takes them. */
  async ensureTopics(specs: readonly log.TopicSpec[]): Promise<void> {
    await this.#inner.ensureTopics(specs);
    for (const { name } of specs) {
      const schema = schemaOfTopic(name);
      if (schema !== null) await this.#ids.idOf(name, schema);
    }
  }

  async produce(
    topic: string,
    partition: number,
    messages: readonly log.OutgoingMessage[],
  ): Promise<readonly log.Offset[]> {
    const framed: log.OutgoingMessage[] = [];
    for (const message of messages) framed.push(await this.#framed(topic, message));
    return this.#inner.produce(topic, partition, framed);
  }

  async read(topic: string, partition: number, from: log.Offset, options: log.ReadOptions): Promise<log.ReadResult> {
    const result = await this.#inner.read(topic, partition, from, options);
    const messages: log.Message[] = [];
    for (const message of result.messages) messages.push(await this.#unframed(message));
    return { ...result, messages };
  }

  describe(topic: string): Promise<log.TopicDescription> {
    return this.#inner.describe(topic);
  }

  position(group: string, topic: string, partition: number): Promise<log.Offset | null> {
    return this.#inner.position(group, topic, partition);
  }

  commit(group: string, topic: string, partition: number, next: log.Offset): Promise<void> {
    return this.#inner.commit(group, topic, partition, next);
  }

  join(group: string, topic: string, run: (assignment: log.Assignment) => Promise<void>): Promise<log.Membership> {
    return this.#inner.join(group, topic, run);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #framed(topic: string, message: log.OutgoingMessage): Promise<log.OutgoingMessage> {
    const header = singleObjectHeaderOf(message.value);
    if (header === '') return message;
    if (topic === this.#deadLettersTopic) {
      const id = isConfluent(message.headers) ? this.#ids.seenId(header) : -1;
      return id < 0 ? message : { ...message, value: toConfluent(message.value, id) };
    }
    const schema = schemaOfTopic(topic);
    if (schema === null || schema.header !== header) return message;
    const value = toConfluent(message.value, await this.#ids.idOf(topic, schema));
    const headers = { ...message.headers, [log.HEADER.contentType]: log.CONTENT_TYPE_AVRO_CONFLUENT };
    return { ...message, value, headers };
  }

  async #unframed(message: log.Message): Promise<log.Message> {
    const id = confluentId(message.value);
    if (id < 0) return message;
    const header = await this.#ids.headerOf(id);
    return header === '' ? message : { ...message, value: toSingleObject(message.value, header) };
  }
}

const isConfluent = (headers: log.Headers): boolean =>
  headers[log.HEADER.contentType] === log.CONTENT_TYPE_AVRO_CONFLUENT;
