/** Waiting until a stage has taken everything that a topic holds: by the log's own interface only. */
import type { Clock } from '../contract/clock.ts';
import type { Log, Offset } from '../transport/log.ts';

const POLL_MS = 25;

/** The offset after the last message of every partition, now. */
const endsOf = async (log: Log, topic: string): Promise<readonly Offset[]> =>
  (await log.describe(topic)).partitions.map(({ end }) => end);

/** Polls until `holds`; false when `limitMs` passed first. */
async function until(clock: Clock, limitMs: number, holds: () => Promise<boolean> | boolean): Promise<boolean> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    if (await holds()) return true;
    if (waitedMs >= limitMs) return false;
    await clock.sleep(POLL_MS);
  }
}

/** True once `group` has committed the end that every partition of `topic` had when this was called. */
export async function awaitCommitted(
  log: Log,
  clock: Clock,
  group: string,
  topic: string,
  limitMs: number,
): Promise<boolean> {
  const ends = await endsOf(log, topic);
  return until(clock, limitMs, async () => {
    const positions = await Promise.all(ends.map((_, partition) => log.position(group, topic, partition)));
    return ends.every((end, partition) => (positions[partition] ?? 0) >= end);
  });
}

/**
 * A log that remembers how far its user has read. Who asks for an offset has taken everything below it. For one reader of
 * a topic: of several the furthest would count.
 */
export interface WatchedLog {
  readonly log: Log;
  /** True once everything that `topic` held when this was called was taken. */
  awaitTaken(clock: Clock, topic: string, limitMs: number): Promise<boolean>;
}

export function watchReads(log: Log): WatchedLog {
  const asked = new Map<string, number>();
  const watched: Log = {
    ensureTopics: (specs) => log.ensureTopics(specs),
    describe: (topic) => log.describe(topic),
    produce: (topic, partition, messages) => log.produce(topic, partition, messages),
    read: (topic, partition, from, options) => {
      const key = `${topic}/${partition}`;
      asked.set(key, Math.max(asked.get(key) ?? 0, from));
      return log.read(topic, partition, from, options);
    },
    position: (group, topic, partition) => log.position(group, topic, partition),
    commit: (group, topic, partition, next) => log.commit(group, topic, partition, next),
    join: (group, topic, run) => log.join(group, topic, run),
    close: () => log.close(),
  };
  return {
    log: watched,
    awaitTaken: async (clock, topic, limitMs) => {
      const ends = await endsOf(log, topic);
      return until(clock, limitMs, () =>
        ends.every((end, partition) => (asked.get(`${topic}/${partition}`) ?? 0) >= end),
      );
    },
  };
}
