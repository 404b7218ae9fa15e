/**
 * What readers of the raw and the enriched topic see, checked as Jepsen checks a log: no offset skipped or out of order, append
 * times that never go back, no acknowledged batch missing, repeats that are repeats. A sidecar sends its next batch only
 * once the one before is acknowledged, and an enricher its next message: so a hole between first appearances is an
 * acknowledged message that is not there.
 */
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { WeirError } from '../../../contract/errors.ts';
import { decodeEnrichedBatch } from '../../../schemas/generated/flows-enriched-v1.ts';
import { decodeRawBatch } from '../../../schemas/generated/flows-raw-v1.ts';
import { Report } from '../../../schemas/generated/common.ts';
import { type KafkaLog, openKafkaLog } from '../../../transport/kafka/kafka-log.ts';
import { HEADER, type Message, type Offset, type ReadResult } from '../../../transport/log.ts';
import { GroupReader } from './group-reader.ts';
import { ENRICHED, RAW } from './topic-admin.ts';
import { HARNESS, type World } from './world.ts';

const LOOK_MS = 400;
const READ = { messagesMax: 2000, bytesMax: 16 << 20, waitMs: 0 };
/** Append times are the leader's clock; all brokers are on one machine. */
const BACK_MS_MAX = 5;
const FINDINGS_MAX = 10;

/** One partition of one life of a topic. */
interface Place {
  next: number;
  lastMs: number;
}

interface Range {
  readonly seq: number;
  readonly first: number;
  readonly next: number;
  readonly bytes: string;
}

/** First appearances of one stream on the raw topic, or of one raw partition on the enriched one. */
interface Sequence {
  readonly seen: Map<number, Range>;
  /** Null: there was a hole that retention or a new topic explains. */
  last: Range | null;
  /** Holes that retention of the raw topic explains: one a time. */
  holes: number;
}

export class TopicWatch {
  readonly #world: World;
  readonly #places = new Map<string, Place>();
  readonly #sequences = new Map<string, Sequence>();
  readonly #findings: string[] = [];
  readonly #stop = new AbortController();
  readonly #readers: GroupReader[] = [];
  #log: KafkaLog | null = null;
  #watching: Promise<void> = Promise.resolve();
  messages = 0;
  /** Batches that came again, and those of them whose bytes were others: worded anew by a later process. */
  repeats = 0;
  reworded = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Interim reports by node, each once. */
  readonly interims: Map<string, number> = new Map();

  get read(): number {
    return this.#readers.reduce((sum, { messages }) => sum + messages, 0);
  }

  async start(): Promise<void> {
    const brokers = this.#world.brokerAddresses;
    this.#log = await openKafkaLog({ brokers, clientId: HARNESS, limits: { metadataMs: 1000 } });
    for (const name of ['reader-1', 'reader-2']) this.#readers.push(await GroupReader.start(brokers, name));
    this.#watching = this.#run();
  }

  /** Findings since the last time. */
  async check(): Promise<string[]> {
    await this.#look();
    const findings = [...this.#findings.splice(0), ...this.#readers.flatMap((reader) => reader.findings.splice(0))];
    return findings.slice(0, FINDINGS_MAX);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    for (const reader of this.#readers) await reader.stop();
    await this.#log?.close();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#look();
      await pause(LOOK_MS);
    }
  }

  #looking: Promise<void> | null = null;

  /** One look at a time. */
  async #look(): Promise<void> {
    while (this.#looking !== null) await this.#looking;
    this.#looking = this.#lookAtAll().finally(() => (this.#looking = null));
    await this.#looking;
  }

  async #lookAtAll(): Promise<void> {
    for (const topic of [RAW, ENRICHED]) {
      try {
        const { partitions, id } = await this.#log!.describe(topic);
        for (let partition = 0; partition < partitions.length; partition++) await this.#catchUp(topic, id, partition);
      } catch (error) {
        // The brokers are away, or the topic is being made anew.
        if (!(error instanceof WeirError)) throw error;
      }
    }
  }

  async #catchUp(topic: string, id: string, partition: number): Promise<void> {
    const key = `${topic}/${id}/${partition}`;
    const place = this.#places.get(key) ?? { next: 0, lastMs: 0 };
    if (!this.#places.has(key)) this.#forget(topic, partition);
    this.#places.set(key, place);
    for (;;) {
      const read = await this.#log!.read(topic, partition, place.next as Offset, READ);
      if (read.topicId !== id || read.messages.length === 0) return;
      this.#take(topic, partition, place, read);
    }
  }

  #take(topic: string, partition: number, place: Place, { bounds, messages }: ReadResult): void {
    const where = `${topic}/${partition}`;
    for (const message of messages) {
      this.messages++;
      if (message.offset !== place.next) {
        if (message.offset === bounds.start) this.#forget(topic, partition);
        else this.#mind(`${where}: offset ${message.offset} came where ${place.next} was due`);
      }
      if (message.appendMs < place.lastMs - BACK_MS_MAX) {
        this.#mind(`${where}: append time ${message.appendMs} at ${message.offset} after ${place.lastMs}`);
      }
      place.next = message.offset + 1;
      place.lastMs = Math.max(place.lastMs, message.appendMs);
      if (topic === RAW) this.#raw(partition, message);
      else this.#enriched(partition, message);
    }
  }

  /** What comes next need not follow what came before. */
  #forget(topic: string, partition: number): void {
    for (const [key, sequence] of this.#sequences) if (key.startsWith(`${topic}/${partition}/`)) sequence.last = null;
    // What the enrichers could not read any more, the enriched topic does not have.
    if (topic === RAW) this.#forget(ENRICHED, partition);
  }

  #raw(partition: number, { headers, offset, value }: Message): void {
    if (headers[HEADER.ring] === undefined) return;
    const [seq, first, next] = [HEADER.seq, HEADER.first, HEADER.next].map((name) => Number(headers[name]));
    const range = { seq: seq!, first: first!, next: next!, bytes: digest(value) };
    const key = `${RAW}/${partition}/${headers[HEADER.ring]}`;
    if (this.#sequences.get(key)?.seen.has(seq!) !== true) this.#countInterims(value);
    this.#follow(key, `raw offset ${offset}`, range, true);
  }

  #countInterims(value: Uint8Array): void {
    const { node, flows } = decodeRawBatch(value);
    const count = flows.report
      .subarray(0, flows.length)
      .reduce((sum, each) => sum + (each === Report.interim ? 1 : 0), 0);
    if (count > 0) this.interims.set(node, (this.interims.get(node) ?? 0) + count);
  }

  #enriched(partition: number, { value, offset }: Message): void {
    const batch = decodeEnrichedBatch(value);
    for (const { offset: seq, first, next, ring } of batch.sources) {
      const range = { seq, first, next, bytes: ring };
      const key = `${ENRICHED}/${partition}/${batch.rawTopicId}`;
      this.#follow(key, `enriched offset ${offset}, raw offset ${seq}`, range, false);
    }
  }

  #follow(key: string, what: string, range: Range, tiles: boolean): void {
    const sequence = this.#sequences.get(key) ?? {
      seen: new Map<number, Range>(),
      last: null,
      holes: this.#world.rawExpired,
    };
    this.#sequences.set(key, sequence);
    const before = sequence.seen.get(range.seq);
    if (before !== undefined) {
      this.repeats++;
      if (before.bytes !== range.bytes) this.reworded++;
      if (before.first === range.first && before.next === range.next) return;
      const [was, is] = [before, range].map(({ first, next }) => `[${first}, ${next})`);
      return this.#mind(`${key}, ${what}: ${range.seq} was ${was} and is ${is}`);
    }
    const { last } = sequence;
    const isHole = last !== null && (range.seq !== last.seq + 1 || (tiles && range.first !== last.next));
    if (isHole && !tiles && range.seq > last.seq && sequence.holes < this.#world.rawExpired) sequence.holes++;
    else if (isHole) {
      const came = `${range.seq} from ${range.first}`;
      this.#mind(`${key}, ${what}: ${came} came after ${last.seq} up to ${last.next}`);
    }
    sequence.seen.set(range.seq, range);
    sequence.last = range;
  }

  #mind(finding: string): void {
    if (this.#findings.length < FINDINGS_MAX) this.#findings.push(finding);
  }
}

const digest = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('base64');
