/** A process that runs one stage: log, meter, logger and metrics server around it, and its clean end. */
import type { Clock } from '../contract/clock.ts';
import { systemClock } from '../contract/clock.ts';
import type { Config } from '../contract/config-table.ts';
import { describeConfig } from '../contract/config.ts';
import type { Logger } from '../contract/log.ts';
import { MeterRegistry } from '../contract/meter-registry.ts';
import type { Stage } from '../contract/stage.ts';
import type { Log } from '../transport/log.ts';
import type { Invocation, Status } from './command.ts';
import { createLogger } from './logging.ts';
import { startMetricsServer } from './metrics-server.ts';
import { openLog } from './reading.ts';
import { VERSION } from './version.ts';

/** What every stage is given. */
export interface StageParts {
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: MeterRegistry;
  readonly config: Config;
}

export interface StageRun {
  readonly stage: Stage;
  /** Closed after the stage has stopped. */
  close?(): Promise<void>;
}

/** A meter that already tells the version. */
export function createMeter(): MeterRegistry {
  const meter = new MeterRegistry();
  meter.set('weir_build_info', 1, { version: VERSION });
  return meter;
}

/** Until the signal or the stage's own failure; status 0 after a clean stop, a WeirError otherwise. */
export async function runStageProcess(
  invocation: Invocation,
  name: Stage['name'],
  logFile: string | null,
  start: (parts: StageParts) => Promise<StageRun>,
): Promise<Status> {
  const { config, signal } = invocation;
  const logger = createLogger(config).child({ stage: name });
  logger.info({ config: describeConfig(config) }, 'starting');
  const meter = createMeter();
  let running: StageRun | null = null;
  const server = await startMetricsServer(config['metrics.listen'], meter, () =>
    running === null ? `the ${name} is starting` : null,
  );
  let log: Log | null = null;
  try {
    log = await openLog(config, logFile, logger);
    running = await start({ log, clock: systemClock, logger, meter, config });
    logger.info({ metrics: server.address }, 'started');
    await endOf(running.stage, signal);
    await running.stage.stop();
    await running.stage.done;
    logger.info({}, 'stopped');
  } finally {
    await running?.close?.();
    await log?.close();
    await server.close();
  }
  return 0;
}

/** Resolves when the signal aborts or the stage ended by itself; rejects with what ended it. */
export async function endOf(stage: Stage, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([aborted, stage.done]);
}
