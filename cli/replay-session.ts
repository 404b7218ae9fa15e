/** `weir replay`: a stretch of the raw topic joined again, into the log and the lake of another data folder. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../contract/clock.ts';
import { WeirError } from '../contract/errors.ts';
import { compileGeo } from '../enricher/geo/compile.ts';
import { replayPartition } from '../enricher/replay.ts';
import { newReplayCounts, type ReplayCounts } from '../enricher/replay-compare.ts';
import type { Log, Offset } from '../transport/log.ts';
import type { Invocation } from './command.ts';
import type { DataFolder } from './data-folder.ts';
import { watchReads } from './drain.ts';
import { createLogger } from './logging.ts';
import { LOG_FILE, openLog } from './reading.ts';
import { startSinkFrom } from './sink-parts.ts';
import { createMeter } from './stage-process.ts';
import { topicName, topicSpecs } from './topics.ts';

export interface ReplayPlan {
  /** The embedded log to read where transport.path is empty; null: none. */
  readonly logFile: string | null;
  /** Raw offsets [from, to) of every partition, or of one. */
  readonly from: number;
  readonly to: number;
  readonly partition: number | null;
  readonly at: 'recorded' | 'latest';
}

const SINK_WAIT_MS = 60_000;
const COPY = { messagesMax: 500, bytesMax: 8 * 1024 * 1024, waitMs: 0 } as const;

/** WEIR_TRANSPORT_*, WEIR_SINK_*, WEIR_ENRICHER_GEOIP_INVALID; WEIR_CONFIG_INVALID for a folder that holds something. */
export async function replaySession(
  { config, signal }: Invocation,
  into: DataFolder,
  plan: ReplayPlan,
): Promise<ReplayCounts> {
  const logger = createLogger(config);
  const source = await openLog(config, plan.logFile, logger);
  try {
    const target = await openTarget(config, into, (await source.describe(topicName(config, 'raw'))).partitions.length);
    try {
      await copyTopic(source, target, topicName(config, 'ownership'), signal);
      const counts = await replayAll(source, target, config, plan, signal);
      const reading = watchReads(target);
      const parts = { log: reading.log, clock: systemClock, logger, meter: createMeter(), config };
      const sink = await startSinkFrom(parts, into.lake, target);
      const flows = await reading.awaitTaken(systemClock, topicName(config, 'enriched'), SINK_WAIT_MS);
      const claims = await reading.awaitTaken(systemClock, topicName(config, 'ownership'), SINK_WAIT_MS);
      await sink.stage.stop();
      await sink.stage.done;
      await sink.close?.();
      if (flows && claims) return counts;
      throw new WeirError('WEIR_SINK_STORE_UNAVAILABLE', `the lake at ${into.lake} did not take the rows in time`);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** A log of its own, with the topics of the source; a replay goes into an empty one. */
async function openTarget(config: Invocation['config'], into: DataFolder, partitions: number): Promise<Log> {
  const { openEmbeddedLog } = await import('../transport/embedded/embedded-log.ts');
  const target = await openEmbeddedLog({ path: join(into.log, LOG_FILE) });
  await target.ensureTopics(
    topicSpecs(config, partitions).map((spec) => ({ ...spec, retentionMs: null, retentionBytes: null })),
  );
  const { partitions: held } = await target.describe(topicName(config, 'enriched'));
  if (held.every(({ end }) => end === 0)) return target;
  await target.close();
  throw new WeirError('WEIR_CONFIG_INVALID', `${into.path} holds flows already; replay into an empty folder`);
}

async function replayAll(
  source: Log,
  target: Log,
  config: Invocation['config'],
  { from, to, partition, at }: ReplayPlan,
  signal: AbortSignal,
): Promise<ReplayCounts> {
  const rawTopic = topicName(config, 'raw');
  const enrichedTopic = topicName(config, 'enriched');
  const files = await Promise.all(
    config['enricher.geoip'].map(async (name) => ({ name, bytes: await readFile(name) })),
  );
  const geo = files.length === 0 ? null : compileGeo(files, 1);
  const { partitions } = await source.describe(rawTopic);
  const total = newReplayCounts();
  for (const [p] of partitions.entries()) {
    if (partition !== null && partition !== p) continue;
    const counts = await replayPartition({
      ...{ log: source, rawTopic, enrichedTopic, ownershipTopic: topicName(config, 'ownership'), partition: p },
      ...{ from, to, at, geo, signal, externalAddresses: config['privacy.externalAddresses'] },
      clockSkewMs: config['enricher.clockSkew'],
      onBatch: async (value, key, headers) => void (await target.produce(enrichedTopic, p, [{ key, value, headers }])),
    });
    for (const name of Object.keys(total) as (keyof ReplayCounts)[]) total[name] += counts[name];
  }
  return total;
}

/** The claims: `ownership` of the new lake comes from them. */
async function copyTopic(source: Log, target: Log, topic: string, signal: AbortSignal): Promise<void> {
  const bounds = (await source.describe(topic)).partitions[0];
  if (bounds === undefined) return;
  let next = bounds.start;
  while (next < bounds.end && !signal.aborted) {
    const { messages } = await source.read(topic, 0, next, COPY);
    const last = messages.at(-1);
    if (last === undefined) return;
    await target.produce(topic, 0, messages);
    next = (last.offset + 1) as Offset;
  }
}
