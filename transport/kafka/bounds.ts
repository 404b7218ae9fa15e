/** First offset and end of partitions, of their leaders. */
import type { Offset, PartitionBounds } from '../log.ts';
import type { Cluster } from './cluster.ts';
import { AnswerUnreadable } from './faults.ts';
import { refuse } from './protocol/error-codes.ts';
import { EARLIEST, LATEST, type ListedOffset, listOffsetsRequest } from './protocol/offsets.ts';

/** Of one partition. Not patient: for use within a call that is. */
export async function partitionBounds(cluster: Cluster, topic: string, partition: number): Promise<PartitionBounds> {
  const { node } = await cluster.leader(topic, partition);
  const [bounds] = await boundsAt(cluster, node, topic, [partition]);
  return bounds?.[1] ?? { start: 0 as Offset, end: 0 as Offset };
}

/** Of all partitions, in their order, with one pair of requests a leader. Not patient. */
export async function topicBounds(cluster: Cluster, topic: string, count: number): Promise<PartitionBounds[]> {
  const byNode = new Map<number, number[]>();
  for (let partition = 0; partition < count; partition++) {
    const { node } = await cluster.leader(topic, partition);
    byNode.set(node, [...(byNode.get(node) ?? []), partition]);
  }
  const found = await Promise.all([...byNode].map(([node, partitions]) => boundsAt(cluster, node, topic, partitions)));
  const bounds = new Map(found.flat());
  return Array.from({ length: count }, (_, partition) => {
    const each = bounds.get(partition);
    if (each === undefined) throw new AnswerUnreadable(`no offsets came for ${topic}/${partition}`);
    return each;
  });
}

async function boundsAt(
  cluster: Cluster,
  node: number,
  topic: string,
  partitions: readonly number[],
): Promise<[number, PartitionBounds][]> {
  const ask = (which: number): Promise<readonly ListedOffset[]> =>
    cluster.call(node, 'control', listOffsetsRequest(topic, partitions, which));
  const [starts, ends] = await Promise.all([ask(EARLIEST), ask(LATEST)]);
  for (const { error } of [...starts, ...ends]) refuse(error);
  const endOf = new Map(ends.map(({ partition, offset }) => [partition, offset]));
  return starts.map(({ partition, offset }) => {
    // Retention may pass between the two answers.
    const end = Math.max(endOf.get(partition) ?? offset, offset);
    return [partition, { start: offset as Offset, end: end as Offset }];
  });
}
