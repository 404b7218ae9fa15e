/** `weir demo`: the demo on this machine, or its recording; then the screen and the verdict. */
import { join } from 'node:path';
import type { Log } from '../../transport/log.ts';
import type { Invocation, Status } from '../command.ts';
import { DEFAULT_DATA, type DataFolder, holdDataFolder, openDataFolder } from '../data-folder.ts';
import { printLine, printNotice } from '../output.ts';
import { LOG_FILE, openLog } from '../reading.ts';
import { ensureTopics } from '../topics.ts';
import { directDemo } from './director.ts';
import { startLiveBoard } from './live.ts';
import { readResult } from './result.ts';
import { screenLines } from './screen.ts';
import type { Victim } from './stages.ts';

export interface DemoRequest {
  readonly forMs: number;
  readonly data: string | null;
  readonly seed: number;
  readonly kill: Victim;
  readonly record: string | null;
}

/** Of a log that the demo makes: more than one, as in a fleet. */
const PARTITIONS = 2;

/** WEIR_DEMO_FAILED where the fleet could not be made. */
export async function runDemo(invocation: Invocation, request: DemoRequest): Promise<Status> {
  const data = request.data ?? DEFAULT_DATA;
  const folder = openDataFolder(data);
  const held = await holdDataFolder(folder);
  const log = await openLog(invocation.config, join(folder.log, LOG_FILE));
  try {
    await ensureTopics(log, { ...invocation.config, 'transport.partitions': PARTITIONS });
    return await capture(invocation, request, folder, log, data);
  } finally {
    await log.close();
    held.release();
  }
}

async function capture(
  { config, signal }: Invocation,
  { seed, forMs, kill }: DemoRequest,
  folder: DataFolder,
  log: Log,
  data: string,
): Promise<Status> {
  const board = startLiveBoard();
  const { truth, blind } = await directDemo({ config, folder, log, seed, forMs, kill, board, signal });
  const result = await readResult(config, folder.lake, log, truth, blind);
  for (const line of screenLines({ result, truth, data, isPlayback: false })) printLine(line);
  for (const finding of result.check.findings) printNotice(finding);
  return result.ok ? 0 : 1;
}
