/** Topics, partitions and group positions in the file. All calls run inside a transaction of the caller. */
import { randomUUID } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { WeirError } from '../../contract/errors.ts';
import type { TopicSpec } from '../log.ts';
import { OFFSETS_MAX } from './database.ts';

/** One partition as the file has it now. */
export interface PartitionRow {
  readonly id: number;
  readonly topicId: string;
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
  readonly lastAppendMs: number;
  readonly retentionMs: number | null;
  readonly retentionBytes: number | null;
  readonly messageBytesMax: number;
}

const PARTITIONS_MAX = 1024;

const SELECT_PARTITION = `
SELECT p.id AS id, t.uuid AS topicId, p.start_offset AS start, p.end_offset AS "end", p.bytes AS bytes,
  p.last_append_ms AS lastAppendMs, t.retention_ms AS retentionMs, t.retention_bytes AS retentionBytes,
  t.message_bytes_max AS messageBytesMax
FROM topic t JOIN partition p ON p.topic = t.id`;

export class Topics {
  readonly #topic: StatementSync;
  readonly #partition: StatementSync;
  readonly #partitionsOf: StatementSync;
  readonly #all: StatementSync;
  readonly #insertTopic: StatementSync;
  readonly #insertPartition: StatementSync;
  readonly #update: StatementSync;
  readonly #position: StatementSync;
  readonly #commit: StatementSync;
  readonly #deletes: readonly StatementSync[];

  constructor(database: DatabaseSync) {
    const prepare = (sql: string): StatementSync => database.prepare(sql);
    this.#topic = prepare('SELECT id, uuid FROM topic WHERE name = ?');
    this.#partition = prepare(`${SELECT_PARTITION} WHERE t.name = ? AND p.number = ?`);
    this.#partitionsOf = prepare(`${SELECT_PARTITION} WHERE t.name = ? ORDER BY p.number`);
    this.#all = prepare(`${SELECT_PARTITION} ORDER BY p.id`);
    this.#insertTopic = prepare(
      'INSERT INTO topic (name, uuid, retention_ms, retention_bytes, message_bytes_max) VALUES (?, ?, ?, ?, ?)',
    );
    this.#insertPartition = prepare(
      'INSERT INTO partition (topic, number, start_offset, end_offset, bytes, last_append_ms) VALUES (?, ?, 0, 0, 0, 0)',
    );
    this.#update = prepare(
      'UPDATE topic SET retention_ms = ?, retention_bytes = ?, message_bytes_max = ? WHERE id = ?',
    );
    this.#position = prepare('SELECT next_offset AS next FROM position WHERE consumer_group = ? AND partition = ?');
    this.#commit = prepare(
      `INSERT INTO position (consumer_group, partition, next_offset) VALUES (?, ?, ?)
       ON CONFLICT DO UPDATE SET next_offset = max(next_offset, excluded.next_offset)`,
    );
    const partitions = '(SELECT id FROM partition WHERE topic = ?)';
    this.#deletes = [
      prepare(`DELETE FROM position WHERE partition IN ${partitions}`),
      prepare('DELETE FROM partition WHERE topic = ?'),
      prepare('DELETE FROM topic WHERE id = ?'),
    ];
  }

  /** Make what is missing; a topic that exists takes the retention and the limit given. Changes nothing when it throws. */
  ensure(specs: readonly TopicSpec[]): void {
    for (const spec of specs) this.#check(spec);
    for (const spec of specs) {
      const topic = this.#topic.get(spec.name);
      const settings = [spec.retentionMs, spec.retentionBytes, spec.messageBytesMax];
      if (topic !== undefined) {
        this.#update.run(...settings, Number(topic['id']));
        continue;
      }
      const id = Number(this.#insertTopic.run(spec.name, newTopicId(), ...settings).lastInsertRowid);
      for (let number = 0; number < spec.partitions; number++) this.#insertPartition.run(id, number);
    }
  }

  #check(spec: TopicSpec): void {
    if (!Number.isInteger(spec.partitions) || spec.partitions < 1 || spec.partitions > PARTITIONS_MAX) {
      throw new WeirError(
        'WEIR_TRANSPORT_TOPIC_MISMATCH',
        `topic ${spec.name}: ${spec.partitions} partitions; 1 to ${PARTITIONS_MAX} are allowed`,
        { topic: spec.name, partitions: spec.partitions },
      );
    }
    const exists = this.#partitionsOf.all(spec.name).length;
    if (exists === 0 || exists === spec.partitions) return;
    throw new WeirError(
      'WEIR_TRANSPORT_TOPIC_MISMATCH',
      `topic ${spec.name} has ${exists} partitions, not ${spec.partitions}; ask for ${exists}, or choose another data folder`,
      { topic: spec.name, exists, partitions: spec.partitions },
    );
  }

  /** WEIR_TRANSPORT_UNKNOWN_TOPIC when there is none. */
  partition(topic: string, number: number): PartitionRow {
    const found = this.#partition.get(topic, number);
    if (found === undefined) throw unknownTopic(topic, number);
    return found as unknown as PartitionRow;
  }

  /** Of one topic, by number. WEIR_TRANSPORT_UNKNOWN_TOPIC when there is none. */
  partitions(topic: string): PartitionRow[] {
    const found = this.#partitionsOf.all(topic);
    if (found.length === 0) throw unknownTopic(topic, null);
    return found as unknown as PartitionRow[];
  }

  /** Of every topic. */
  allPartitions(): PartitionRow[] {
    return this.#all.all() as unknown as PartitionRow[];
  }

  position(group: string, topic: string, number: number): number | null {
    const found = this.#position.get(group, this.partition(topic, number).id);
    return found === undefined ? null : Number(found['next']);
  }

  /** WEIR_TRANSPORT_OUT_OF_RANGE beyond the end: such a position could only be meant for another topic of that name. */
  commit(group: string, topic: string, number: number, next: number): void {
    const { id, end, topicId } = this.partition(topic, number);
    if (!(next >= 0 && next <= end)) throw outOfRange(topic, number, next, end, topicId);
    this.#commit.run(group, id, next);
  }

  /** Topic, partitions and positions; the messages first, by the caller. */
  delete(topic: string): void {
    const id = Number(this.#topic.get(topic)?.['id']);
    for (const statement of this.#deletes) statement.run(id);
  }
}

function newTopicId(): string {
  return Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url');
}

function unknownTopic(topic: string, partition: number | null): WeirError {
  const what = partition === null ? `topic ${topic}` : `partition ${partition} of topic ${topic}`;
  return new WeirError('WEIR_TRANSPORT_UNKNOWN_TOPIC', `${what} does not exist; make it with weir topics`, {
    topic,
    partition,
  });
}

export function outOfRange(topic: string, partition: number, offset: number, end: number, topicId: string): WeirError {
  return new WeirError(
    'WEIR_TRANSPORT_OUT_OF_RANGE',
    `offset ${offset} of topic ${topic}, partition ${partition} lies beyond its end ${end}; was the topic made anew?`,
    { topic, partition, offset, end, topicId, offsetsMax: OFFSETS_MAX },
  );
}
