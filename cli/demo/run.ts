/** `weir demo`: the demo on this machine, or its recording; then the screen and the verdict. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../contract/config-table.ts';
import { WeirError } from '../../contract/errors.ts';
import type { Log } from '../../transport/log.ts';
import type { Invocation, Status } from '../command.ts';
import { DEFAULT_DATA, type DataFolder, holdDataFolder, openDataFolder } from '../data-folder.ts';
import { isTerminal, printLine, printNotice } from '../output.ts';
import { LOG_FILE, openLog } from '../reading.ts';
import { ensureTopics } from '../topics.ts';
import { missingHere } from './able.ts';
import { type DemoRun, directDemo } from './director.ts';
import { startLiveBoard } from './live.ts';
import { playDemo } from './playback.ts';
import { readResult } from './result.ts';
import { OFF_MARK, screenLines } from './screen.ts';
import type { Victim } from './stages.ts';

export interface DemoRequest {
  readonly forMs: number;
  readonly data: string | null;
  readonly seed: number;
  readonly kill: Victim;
  readonly record: string | null;
}

type Held = Awaited<ReturnType<typeof holdDataFolder>>;

const NOT_KILLED = { blind: null, restart: null };

/** Of a log that the demo makes: more than one, as in a fleet. */
const PARTITIONS = 2;

/** WEIR_DEMO_FAILED where the fleet could not be made. */
export async function runDemo(invocation: Invocation, request: DemoRequest): Promise<Status> {
  const missing = missingHere();
  if (missing !== null && request.record !== null) {
    throw new WeirError('WEIR_DEMO_FAILED', `nothing can be recorded here: ${missing.what}; ${missing.mend}`);
  }
  const { folder, name, held } = await openDemoFolder(request.data);
  const { config, signal } = invocation;
  const log = await openLog(config, join(folder.log, LOG_FILE));
  const board = startLiveBoard();
  try {
    await ensureTopics(log, { ...config, 'transport.partitions': PARTITIONS });
    if (missing !== null) {
      printLine(`A recording is played: ${missing.what}. To capture this machine: ${missing.mend}`);
      const truth = await playDemo({ config, folder, log, board, signal });
      return await conclude(config, folder, log, { ...NOT_KILLED, truth, data: name, isPlayback: true });
    }
    const { seed, forMs, kill, record } = request;
    const run = await directDemo({ config, folder, log, seed, forMs, kill, record, board, signal });
    return await conclude(config, folder, log, { ...run, data: name, isPlayback: false });
  } finally {
    board.close();
    await log.close();
    held.release();
  }
}

interface Finished extends Pick<DemoRun, 'truth' | 'blind' | 'restart'> {
  readonly data: string;
  readonly isPlayback: boolean;
}

async function conclude(config: Config, folder: DataFolder, log: Log, finished: Finished): Promise<Status> {
  const { truth, data, isPlayback } = finished;
  const result = await readResult(config, folder.lake, log, truth, finished);
  for (const line of screenLines({ result, truth, data, isPlayback })) printLine(isTerminal() ? coloured(line) : line);
  for (const finding of result.check.findings) printNotice(finding);
  return result.ok ? 0 : 1;
}

/** Off is red, a heading bold. */
function coloured(line: string): string {
  if (line.startsWith(OFF_MARK)) return `\u001b[31m${line}\u001b[0m`;
  return /^[A-Z]{2}/.test(line) || line.startsWith('==') ? `\u001b[1m${line}\u001b[0m` : line;
}

/** The one asked for; else the usual one, or a folder of its own where that is not ours to use now. */
async function openDemoFolder(data: string | null): Promise<{ folder: DataFolder; name: string; held: Held }> {
  const open = async (name: string) => {
    const folder = openDataFolder(name);
    return { folder, name, held: await holdDataFolder(folder) };
  };
  if (data !== null) return open(data);
  try {
    return await open(DEFAULT_DATA);
  } catch (error) {
    if (!(error instanceof WeirError) || !error.code.startsWith('WEIR_DATA_')) throw error;
    const name = await mkdtemp(join(tmpdir(), 'weir-demo-'));
    printNotice(`${error.message}; the demo uses ${name}`);
    return open(name);
  }
}
