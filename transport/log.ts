/**
 * The log between stages: topics of partitions of messages, each message bytes with headers, at an offset.
 * Kafka in a fleet, an embedded one on SQLite on a single machine; nothing above this file knows which.
 *
 * Delivery is at least once; nobody above may rely on more. Offsets grow, and may have holes.
 * All errors are `WeirError`s: WEIR_TRANSPORT_*.
 */
export type Offset = number & { readonly __brand: 'offset' };

/** Values of headers are ASCII. */
export type Headers = Readonly<Record<string, string>>;

export interface OutgoingMessage {
  readonly key: string | null;
  /** Owned by the log from the call until it settles. */
  readonly value: Uint8Array;
  readonly headers: Headers;
}

export interface Message {
  readonly offset: Offset;
  /** When the log took it (LogAppendTime), ms since 1970. May step back a little (leader change). */
  readonly appendMs: number;
  readonly key: string | null;
  /** Owned by the receiver. */
  readonly value: Uint8Array;
  readonly headers: Headers;
}

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  /** Messages older than this go; null keeps them. */
  readonly retentionMs: number | null;
  /** Oldest messages of a partition go once it holds more than this; null keeps them. */
  readonly retentionBytes: number | null;
  /** A larger message is refused with WEIR_TRANSPORT_MESSAGE_TOO_LARGE. */
  readonly messageBytesMax: number;
}

export interface PartitionBounds {
  /** First offset that can be read. */
  readonly start: Offset;
  /** The offset after the last message (the next to be written). */
  readonly end: Offset;
}

export interface TopicDescription {
  readonly name: string;
  /** A new id each time a topic is made: 22 characters base64url of a UUID. */
  readonly id: string;
  readonly partitions: readonly PartitionBounds[];
}

export interface ReadOptions {
  readonly messagesMax: number;
  readonly bytesMax: number;
  /** How long to wait for the first message; 0 answers at once, possibly with none. */
  readonly waitMs: number;
  readonly signal?: AbortSignal;
}

export interface ReadResult {
  /** Of the topic as it is now: another than yesterday's means that it was made anew. */
  readonly topicId: string;
  readonly bounds: PartitionBounds;
  /** In offset order, all >= the offset asked for. */
  readonly messages: readonly Message[];
}

/** One partition of one topic that this process was given to work on. */
export interface Assignment {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  /** Aborts when the partition is taken away: finish what is under way, commit, return. */
  readonly signal: AbortSignal;
}

export interface Membership {
  /** Aborts every assignment, waits for the runs to end, leaves the group. */
  leave(): Promise<void>;
  /** Rejects with the first error that a run threw; resolves after `leave`. */
  readonly done: Promise<void>;
}

export interface Log {
  /** Make the topics that do not exist; another partition count is WEIR_TRANSPORT_TOPIC_MISMATCH. */
  ensureTopics(specs: readonly TopicSpec[]): Promise<void>;
  /** WEIR_TRANSPORT_UNKNOWN_TOPIC when there is none. */
  describe(topic: string): Promise<TopicDescription>;
  /**
   * Durable when it resolves (acks=all; fsync). One call is one request: its messages take consecutive places in their
   * partition and stand or fall together. A rejection with disposition `retry` leaves the outcome unknown.
   * Resolves to the offset of each message.
   */
  produce(topic: string, partition: number, messages: readonly OutgoingMessage[]): Promise<readonly Offset[]>;
  /**
   * Read a range without a group. An offset below `start` reads from `start` (the caller compares); above `end`
   * is WEIR_TRANSPORT_OUT_OF_RANGE.
   */
  read(topic: string, partition: number, from: Offset, options: ReadOptions): Promise<ReadResult>;
  /** The group's committed next offset of a partition, null without one. Positions belong to the topic's id. */
  position(group: string, topic: string, partition: number): Promise<Offset | null>;
  /** Never moves backwards: a lower offset than the committed one is ignored. */
  commit(group: string, topic: string, partition: number, next: Offset): Promise<void>;
  /** Join a group; `run` is started once per partition given, and awaited when it is taken away. */
  join(group: string, topic: string, run: (assignment: Assignment) => Promise<void>): Promise<Membership>;
  /** Leaves every group, settles what was produced; later calls fail with WEIR_TRANSPORT_CLOSED. Idempotent. */
  close(): Promise<void>;
}

/** Names of topics and headers (CONTRACT, Topics). */
export const TOPICS = {
  raw: 'flows.raw.v1',
  ownership: 'ownership.v1',
  enriched: 'flows.enriched.v1',
  deadLetters: 'dead-letters.v1',
  /** One flow a message, where transport.flowTopic is set. */
  flows: 'flows.v1',
} as const;

export const HEADER = {
  contentType: 'weir-content-type',
  node: 'weir-node',
  ring: 'weir-ring',
  seq: 'weir-seq',
  first: 'weir-first',
  next: 'weir-next',
  flows: 'weir-flows',
  from: 'weir-from',
  to: 'weir-to',
} as const;

/** Avro single-object encoding (Avro 1.12 specification, "Single-object encoding"). */
export const CONTENT_TYPE_AVRO_SINGLE_OBJECT = 'application/vnd.apache.avro+single-object';
/** 00, the registry's id of the schema (4 bytes, big endian), body: where transport.registry is set. */
export const CONTENT_TYPE_AVRO_CONFLUENT = 'application/vnd.confluent.avro';

/** On a dead letter without its bytes: why they are not there. */
export const VALUE_HEADER = 'weir-value';
export const VALUE_LEFT_OUT = 'left out by privacy.externalAddresses';
