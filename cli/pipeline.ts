/** All stages in one process: started consumers first, ended producers first, so that nothing is left on the way. */
import type { Stage } from '../contract/stage.ts';
import { awaitCommitted, type WatchedLog, watchReads } from './drain.ts';
import { startEnricherFrom } from './enricher-parts.ts';
import { enricherGroupOf } from './groups.ts';
import { startSinkFrom } from './sink-parts.ts';
import type { StageParts } from './stage-process.ts';
import { topicName } from './topics.ts';

/** Beside the enricher's hold: what the way itself may take when the machine is busy. */
const SLACK_MS = 15_000;

interface Stages {
  /** After the sink. */
  readonly closeStore: () => Promise<void>;
  readonly sidecars: readonly Stage[];
  readonly enricher: Stage;
  readonly sink: Stage;
}

export interface Pipeline {
  /** Rejects when a stage cannot go on; resolves when the sidecars have ended by themselves (a playback). */
  readonly ended: Promise<void>;
  /** Deliver what was captured into the lake, then stop. False: a stage did not get to the end in time. */
  stop(): Promise<boolean>;
  /** After a failure: what is held is delivered as far as it goes, nothing is waited for. Never rejects. */
  abandon(): Promise<void>;
}

/** `startSidecars`: capture on this machine, or the nodes of a recording. */
export async function startPipeline(
  parts: StageParts,
  lake: string,
  startSidecars: (parts: StageParts) => Promise<readonly Stage[]>,
): Promise<Pipeline> {
  const of = (stage: Stage['name']): StageParts => ({ ...parts, logger: parts.logger.child({ stage }) });
  const started: Stage[] = [];
  try {
    const reading = watchReads(parts.log);
    const sink = await startSinkFrom({ ...of('sink'), log: reading.log }, lake, parts.log);
    started.push(sink.stage);
    const enricher = await startEnricherFrom(of('enricher'));
    started.push(enricher.stage);
    const sidecars = await startSidecars(of('sidecar'));
    started.push(...sidecars);
    const closeStore = async (): Promise<void> => sink.close?.();
    const stages: Stages = { sidecars, enricher: enricher.stage, sink: sink.stage, closeStore };
    return {
      ended: endOfAny(stages),
      stop: () => stopInOrder(parts, reading, stages),
      abandon: async () => {
        const stops = started.reverse().map((stage) => stage.stop());
        for (const { reason } of (await Promise.allSettled(stops)).filter((stop) => stop.status === 'rejected')) {
          parts.logger.warn({ error: reason }, 'a stage stopped badly');
        }
      },
    };
  } catch (error) {
    for (const stage of started.reverse()) await stage.stop();
    throw error;
  }
}

function endOfAny({ sidecars, enricher, sink }: Stages): Promise<void> {
  // A stage that ends without an error was stopped; only sidecars end by themselves.
  const failures = [enricher, sink].map((stage) => stage.done.then(() => new Promise<void>(() => undefined)));
  const ended = Promise.race([Promise.all(sidecars.map((stage) => stage.done)), ...failures]).then(() => undefined);
  ended.catch(() => undefined); // whoever waits for it is told
  return ended;
}

async function stopInOrder(parts: StageParts, reading: WatchedLog, stages: Stages): Promise<boolean> {
  const { log, clock, config } = parts;
  let whole = true;
  try {
    await Promise.all(stages.sidecars.map((stage) => stage.stop()));
    const raw = topicName(config, 'raw');
    const group = enricherGroupOf(config, (await log.describe(raw)).id);
    whole = await awaitCommitted(log, clock, group, raw, config['enricher.hold'] + SLACK_MS);
  } finally {
    await stages.enricher.stop();
    // What the sink has taken is stored when it stops, however young.
    const flows = await reading.awaitTaken(clock, topicName(config, 'enriched'), SLACK_MS);
    const claims = await reading.awaitTaken(clock, topicName(config, 'ownership'), SLACK_MS);
    whole = whole && flows && claims;
    await stages.sink.stop();
    await stages.closeStore();
  }
  return whole;
}
