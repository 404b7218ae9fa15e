/** Positions of groups: never backwards, errors never swallowed, and a member that was fenced cannot commit. */
import type { Offset } from '../log.ts';
import { unknownPartition, type Cluster } from './cluster.ts';
import { type Committer, NO_MEMBER, offsetCommitRequest, offsetFetchRequest } from './protocol/offsets.ts';
import { Turns } from './turns.ts';

/** The purpose of its own keeps commits from waiting behind a JoinGroup. */
const PURPOSE = 'positions';

/** On whose behalf. */
export interface Committing {
  /** Asked at each try: a member's generation may change meanwhile. @throws WEIR_TRANSPORT_FENCED */
  committer(partition: number): Committer;
  /** What a member, whom nobody else can overtake, has committed of its partitions; absent: the broker is asked. */
  readonly committed?: Map<number, Offset>;
}

const NOBODY: Committing = { committer: () => NO_MEMBER };

export class Positions {
  readonly #cluster: Cluster;
  readonly #turns = new Turns();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /**
   * Brokers keep positions by the topic's name, so a commit on its way while the topic is made anew would become one of
   * the new topic. The id that is committed along tells: a position of another topic is none.
   */
  async position(group: string, topic: string, partition: number): Promise<Offset | null> {
    const what = `cannot ask for the position of ${group} in ${topic}/${partition}`;
    const found = await this.#cluster.patiently(what, { topic, group }, async () => {
      const { partitions, id } = await this.#cluster.topic(topic);
      if (partition >= partitions.length) throw unknownPartition(topic, partition, partitions.length);
      const node = await this.#cluster.coordinator(group);
      const committed = await this.#cluster.call(node, PURPOSE, offsetFetchRequest(group, topic, partition));
      if (committed === null || committed.topicId === '' || committed.topicId === id) return committed;
      // What is known of the topic may be what is out of date.
      return (await this.#cluster.askTopic(topic)).id === committed.topicId ? committed : null;
    });
    return found === null ? null : (found.next as Offset);
  }

  /** One after the other, so that a lower one never overtakes. */
  commit(group: string, topic: string, partition: number, next: Offset, as: Committing = NOBODY): Promise<void> {
    return this.#turns.take(`${group}/${topic}/${partition}`, () => this.#commit(group, topic, partition, next, as));
  }

  async #commit(group: string, topic: string, partition: number, next: Offset, as: Committing): Promise<void> {
    const committed = as.committed?.get(partition) ?? (await this.position(group, topic, partition));
    if (committed !== null && committed >= next) return;
    const what = `cannot commit ${next} of ${group} in ${topic}/${partition}`;
    await this.#cluster.patiently(what, { topic, group }, async () => {
      const member = as.committer(partition);
      const identity = { ...member, topicId: member.topicId ?? (await this.#cluster.topic(topic)).id };
      const node = await this.#cluster.coordinator(group);
      await this.#cluster.call(node, PURPOSE, offsetCommitRequest(group, topic, partition, next, identity));
    });
    as.committed?.set(partition, next);
  }
}
