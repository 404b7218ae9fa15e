/** The demo on a machine that cannot capture: the recorded fleet through the same pipeline, in this process. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../contract/clock.ts';
import type { Config } from '../../contract/config-table.ts';
import { WeirError } from '../../contract/errors.ts';
import { openRecording } from '../../sidecar/recording/recording.ts';
import type { Log } from '../../transport/log.ts';
import type { DataFolder } from '../data-folder.ts';
import { createLogger } from '../logging.ts';
import { startPipeline } from '../pipeline.ts';
import { startPlayback } from '../playback.ts';
import { createMeter } from '../stage-process.ts';
import type { LiveBoard } from './live.ts';
import { parseTruth, type Truth } from './truth.ts';

/** Made by `weir demo --record`. */
const RECORDING: string = join(import.meta.dirname, 'fleet.weirrec');

export interface PlaybackOptions {
  readonly config: Config;
  readonly folder: DataFolder;
  readonly log: Log;
  readonly board: LiveBoard;
  readonly signal: AbortSignal;
  /** Default: the one that comes with Weir. */
  readonly recording?: string;
}

/** The lake is whole when it resolves. WEIR_SIDECAR_RECORDING_INVALID, WEIR_DEMO_FAILED. */
export async function playDemo(options: PlaybackOptions): Promise<Truth> {
  const { config, folder, log, board, signal, recording = RECORDING } = options;
  const truth = readTruth(recording);
  const parts = { log, clock: systemClock, logger: createLogger(config), meter: createMeter(), config };
  const pipeline = await startPipeline(parts, folder.lake, (of) =>
    startPlayback(of, { file: recording, isPart: false }),
  );
  board.event('the recorded fleet is played through the pipeline');
  const interrupted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  try {
    await Promise.race([pipeline.ended, interrupted]);
  } catch (error) {
    await pipeline.abandon();
    throw error;
  }
  const whole = await pipeline.stop();
  if (signal.aborted) throw new WeirError('WEIR_DEMO_FAILED', 'the demo was interrupted; there is no verdict');
  if (!whole) throw new WeirError('WEIR_DEMO_FAILED', 'a stage did not get to the end of the log in time');
  board.event('everything is in the lake');
  return truth;
}

function readTruth(recording: string): Truth {
  if (!existsSync(recording)) throw new WeirError('WEIR_DEMO_FAILED', `the demo's recording ${recording} is missing`);
  const { truth, bytes } = openRecording(recording);
  bytes.close();
  try {
    return parseTruth(new TextDecoder().decode(truth));
  } catch (error) {
    const message = `${recording} is no recording of the demo: ${error instanceof Error ? error.message : 'no truth'}`;
    throw new WeirError('WEIR_SIDECAR_RECORDING_INVALID', message, { recording }, error);
  }
}
