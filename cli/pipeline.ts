/** All stages in one process: started consumers first, ended producers first, so that nothing is left on the way. */
import type { Stage } from '../contract/stage.ts';
import { awaitCommitted } from './drain.ts';
import { startEnricherFrom } from './enricher-parts.ts';
import { enricherGroup, sinkGroupOf } from './groups.ts';
import { startSinkFrom } from './sink-parts.ts';
import type { StageParts } from './stage-process.ts';
import { topicName } from './topics.ts';

/** Beside the enricher's hold, and beside the sink's flush age: what the way itself may take when the machine is busy. */
const SLACK_MS = 15_000;

export interface Pipeline {
  /** Rejects when a stage cannot go on; resolves when the sidecar has ended by itself (a playback). */
  readonly ended: Promise<void>;
  /** Deliver what was captured into the lake, then stop. False: a stage did not get to the end in time. */
  stop(): Promise<boolean>;
  /** After a failure: what is held is delivered as far as it goes, nothing is waited for. Never rejects. */
  abandon(): Promise<void>;
}

/** `startSidecar` is given the parts of that stage: capture on this machine, or a playback. */
export async function startPipeline(
  parts: StageParts,
  lake: string,
  startSidecar: (parts: StageParts) => Promise<{ readonly stage: Stage }>,
): Promise<Pipeline> {
  const of = (stage: Stage['name']): StageParts => ({ ...parts, logger: parts.logger.child({ stage }) });
  const started: Stage[] = [];
  try {
    const sink = await startSinkFrom(of('sink'), lake);
    started.push(sink.stage);
    const enricher = await startEnricherFrom(of('enricher'));
    started.push(enricher.stage);
    const sidecar = await startSidecar(of('sidecar'));
    started.push(sidecar.stage);
    return {
      ended: endOfAny(sidecar.stage, [enricher.stage, sink.stage]),
      stop: () => stopInOrder(parts, sidecar.stage, enricher.stage, sink.stage),
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

function endOfAny(sidecar: Stage, others: readonly Stage[]): Promise<void> {
  // A stage that ends without an error was stopped; only the sidecar ends by itself.
  const failures = others.map((stage) => stage.done.then(() => new Promise<void>(() => undefined)));
  const ended = Promise.race([sidecar.done, ...failures]);
  ended.catch(() => undefined); // whoever waits for it is told
  return ended;
}

async function stopInOrder(parts: StageParts, sidecar: Stage, enricher: Stage, sink: Stage): Promise<boolean> {
  const { log, clock, config } = parts;
  const committed = (group: string, topic: 'raw' | 'enriched' | 'ownership', limitMs: number): Promise<boolean> =>
    awaitCommitted(log, clock, group, topicName(config, topic), limitMs + SLACK_MS);
  let whole = true;
  try {
    await sidecar.stop();
    whole = await committed(enricherGroup(config), 'raw', config['enricher.hold']);
  } finally {
    await enricher.stop();
    const flushMs = config['lake.flushAge'];
    const flows = await committed(sinkGroupOf(config, 'flows'), 'enriched', flushMs);
    const ownership = await committed(sinkGroupOf(config, 'ownership'), 'ownership', flushMs);
    whole = whole && flows && ownership;
    await sink.stop();
  }
  return whole;
}
