/** `weir run`: the pipeline on one data folder, from start to the last object. */
import { join } from 'node:path';
import { systemClock } from '../contract/clock.ts';
import type { Stage } from '../contract/stage.ts';
import { formatTailLine, tailFlows } from '../explore/tail.ts';
import type { Invocation, Status } from './command.ts';
import type { DataFolder } from './data-folder.ts';
import { figuresOf } from './live-lines.ts';
import { startLiveView } from './live-view.ts';
import { createLogger } from './logging.ts';
import { startMetricsServer } from './metrics-server.ts';
import { printLine, printNotice } from './output.ts';
import { type Pipeline, startPipeline } from './pipeline.ts';
import { LOG_FILE, openLog } from './reading.ts';
import type { RecordingSource } from './recording-source.ts';
import { openMachine, refuseSpool, startSidecarFrom } from './sidecar-parts.ts';
import { createMeter, type StageParts } from './stage-process.ts';
import { formatCell } from './table.ts';
import { ensureTopics, topicName } from './topics.ts';

/** Rows below the live figures. */
const LAST_ROWS = 6;

export interface RunPlan {
  /** End after so long; null: until the signal, or the recording's end. */
  readonly forMs: number | null;
  /** File to play; null: capture with eBPF. */
  readonly recording: RecordingSource | null;
}

/**
 * Status 3 where something captured could not be delivered, or waits in the log for the next run.
 * Errors: WEIR_SIDECAR_*, WEIR_TRANSPORT_*, WEIR_SINK_*.
 */
export async function runSession(folder: DataFolder, { config, signal }: Invocation, plan: RunPlan): Promise<Status> {
  refuseSpool(config);
  const logger = createLogger(config);
  const meter = createMeter();
  let ready = false;
  const server = await startMetricsServer(config['metrics.listen'], meter, () => (ready ? null : 'starting'));
  const log = await openLog(config, join(folder.log, LOG_FILE));
  try {
    await ensureTopics(log, config);
    const parts: StageParts = { log, clock: systemClock, logger, meter, config };
    const pipeline = await startPipeline(parts, config['lake.uri'] || folder.lake, (of) => startSource(of, plan));
    ready = true;
    const last = followLast(parts);
    const view = startLiveView(meter, `weir run into ${folder.path}`, () => last.lines());
    let whole: boolean;
    try {
      whole = await runToEnd(pipeline, signal, plan.forMs, view);
    } finally {
      last.stop();
      view.close();
    }
    // A lake without room leaves what it was given in the log; a log without room leaves it in the ring.
    whole &&= meter.total('weir_sink_flows_dropped_total', { reason: 'left_in_the_log' }) === 0;
    const figures = figuresOf(meter, 0);
    printSummary(folder, config['lake.uri'], figures, whole);
    return whole && figures.held.sidecar === 0 ? 0 : 3;
  } finally {
    await log.close();
    await server.close();
  }
}

async function startSource(parts: StageParts, { recording }: RunPlan): Promise<readonly Stage[]> {
  if (recording === null) return [(await startSidecarFrom(parts, openMachine(parts.config, parts.logger))).stage];
  const { startPlayback } = await import('./playback.ts');
  return startPlayback(parts, recording);
}

async function runToEnd(
  pipeline: Pipeline,
  signal: AbortSignal,
  forMs: number | null,
  view: { draw(): void },
): Promise<boolean> {
  const pause = new AbortController();
  const stop = (): void => pause.abort();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    await Promise.race([pipeline.ended, systemClock.sleep(forMs ?? 2 ** 31 - 1, pause.signal)]);
  } catch (error) {
    await pipeline.abandon();
    throw error;
  } finally {
    stop();
    signal.removeEventListener('abort', stop);
  }
  view.draw();
  return pipeline.stop();
}

/** The last flows that were enriched, as `weir tail` shows them. */
function followLast({ log, config, logger }: StageParts): { lines(): readonly string[]; stop(): void } {
  const stop = new AbortController();
  const last: string[] = [];
  const follow = async (): Promise<void> => {
    const topic = topicName(config, 'enriched');
    for await (const flow of tailFlows({ log, topic, from: 'end', signal: stop.signal })) {
      last.push(formatCell(formatTailLine(flow)));
      if (last.length > LAST_ROWS) last.shift();
    }
  };
  follow().catch((error: unknown) => {
    if (!stop.signal.aborted) logger.warn({ error }, 'the live view lost the log');
  });
  return { lines: () => last, stop: () => stop.abort() };
}

function printSummary(
  folder: DataFolder,
  elsewhere: string,
  figures: ReturnType<typeof figuresOf>,
  whole: boolean,
): void {
  const { captured, stored, lost, held } = figures;
  printLine(`${captured} flows captured, ${stored} stored in ${elsewhere || folder.lake}, ${lost} told as lost`);
  if (held.sidecar > 0) printNotice(`${held.sidecar} flows could not be delivered to the log and went with the ring`);
  if (!whole) printNotice('not everything is in the lake yet: it waits in the log and comes with the next weir run');
  const data = elsewhere || folder.path;
  printLine(`ask: weir query --data ${data} --pack top-talkers    prove: weir verify --data ${data}`);
}
