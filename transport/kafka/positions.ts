/** Positions of groups: never backwards, errors never swallowed, and a member that was fenced cannot commit. */
import type { Offset } from '../log.ts';
import { unknownPartition, type Cluster } from './cluster.ts';
import { type Committer, NO_MEMBER, offsetCommitRequest, offsetFetchRequest } from './protocol/offsets.ts';

/** The purpose of its own keeps commits from waiting behind a JoinGroup. */
const PURPOSE = 'positions';

export class Positions {
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async position(group: string, topic: string, partition: number): Promise<Offset | null> {
    const what = `cannot ask for the position of ${group} in ${topic}/${partition}`;
    const found = await this.#cluster.patiently(what, { topic, group }, async () => {
      const { partitions } = await this.#cluster.topic(topic);
      if (partition >= partitions.length) throw unknownPartition(topic, partition, partitions.length);
      const node = await this.#cluster.coordinator(group);
      return this.#cluster.call(node, PURPOSE, offsetFetchRequest(group, topic, partition));
    });
    return found as Offset | null;
  }

  /** `committer` is asked at each try: a member's generation may change meanwhile. */
  async commit(
    group: string,
    topic: string,
    partition: number,
    next: Offset,
    committer: () => Committer = () => NO_MEMBER,
  ): Promise<void> {
    const committed = await this.position(group, topic, partition);
    if (committed !== null && committed >= next) return;
    const what = `cannot commit ${next} of ${group} in ${topic}/${partition}`;
    await this.#cluster.patiently(what, { topic, group }, async () => {
      const identity = committer();
      const node = await this.#cluster.coordinator(group);
      await this.#cluster.call(node, PURPOSE, offsetCommitRequest(group, topic, partition, next, identity));
    });
  }
}
