/** Waiting until a consumer group has committed everything that a topic holds: by the log's own interface only. */
import type { Clock } from '../contract/clock.ts';
import type { Log } from '../transport/log.ts';

const POLL_MS = 50;

/**
 * True once `group` has committed the end that every partition of `topic` had when this was called; false when
 * `limitMs` passed or `signal` aborted first.
 */
export async function awaitCommitted(
  log: Log,
  clock: Clock,
  group: string,
  topic: string,
  limitMs: number,
  signal?: AbortSignal,
): Promise<boolean> {
  const ends = (await log.describe(topic)).partitions.map(({ end }) => end);
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    const positions = await Promise.all(ends.map((_, partition) => log.position(group, topic, partition)));
    if (ends.every((end, partition) => (positions[partition] ?? 0) >= end)) return true;
    if (waitedMs >= limitMs || signal?.aborted === true) return false;
    await clock.sleep(POLL_MS, signal);
  }
}
