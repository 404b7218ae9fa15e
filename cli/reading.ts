/** Where the commands that read find the lake and its log: --data, lake.uri, or the default data folder. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../contract/config-table.ts';
import { WeirError } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';
import type { Log } from '../transport/log.ts';
import { type Invocation, textFlag } from './command.ts';
import { DEFAULT_DATA, findDataFolder } from './data-folder.ts';
import { topicName } from './topics.ts';
import { isRemote, type OpenedStore, readLakeStore } from './lake-store.ts';

export const LOG_FILE = 'weir.sqlite';

export interface Reading extends OpenedStore {
  /** Null where there is none beside the lake. */
  readonly logFile: string | null;
  /** As a message names it. */
  readonly where: string;
}

/**
 * --data is a data folder, or a lake itself. Where a data folder's own lake was never begun and lake.uri is set, the lake
 * is there: the folder was made by a run that wrote elsewhere. WEIR_EXPLORE_NO_LAKE, WEIR_DATA_VERSION,
 * WEIR_CONFIG_INVALID.
 */
export async function openReading(invocation: Pick<Invocation, 'flags' | 'config'>): Promise<Reading> {
  const { config } = invocation;
  const uri = config['lake.uri'];
  const where = textFlag(invocation, 'data') ?? (uri || DEFAULT_DATA);
  if (isRemote(where)) return { ...(await readLakeStore(where, config)), logFile: null, where };
  const folder = findDataFolder(where);
  if (folder !== null) {
    const logFile = join(folder.log, LOG_FILE);
    const lake = uri !== '' && !existsSync(join(folder.lake, '_chain')) ? uri : folder.lake;
    return { ...(await readLakeStore(lake, config)), logFile: existsSync(logFile) ? logFile : null, where };
  }
  if (!existsSync(join(where, '_chain'))) {
    const message = `there is no lake at ${where}: run weir run or weir demo first, or name --data`;
    throw new WeirError('WEIR_EXPLORE_NO_LAKE', message, { where });
  }
  return { ...(await readLakeStore(where, config)), logFile: null, where };
}

/** The log that the stages of this configuration share. WEIR_CONFIG_INVALID, WEIR_TRANSPORT_*. */
export async function openLog(config: Config, fallbackFile: string | null, logger?: Logger): Promise<Log> {
  const log = await openBareLog(config, fallbackFile, logger);
  const url = config['transport.registry'];
  if (url === '') return log;
  const { openRegistryLog } = await import('../transport/registry/registry-log.ts');
  const userInfo = config['transport.registryUserInfo'];
  const deadLettersTopic = topicName(config, 'deadLetters');
  try {
    return await openRegistryLog(log, { url, userInfo, deadLettersTopic, ...(logger === undefined ? {} : { logger }) });
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** The same with values as they lie there, whatever their framing. */
export async function openBareLog(config: Config, fallbackFile: string | null, logger?: Logger): Promise<Log> {
  if (config['transport.kind'] === 'kafka') {
    const { openKafkaLogFrom } = await import('./kafka-parts.ts');
    return openKafkaLogFrom(config, logger);
  }
  const folder = config['transport.path'];
  const path = folder === '' ? fallbackFile : join(folder, LOG_FILE);
  if (path === null) {
    const message = 'transport.path is empty; name the folder of the embedded log, or a data folder with --data';
    throw new WeirError('WEIR_CONFIG_INVALID', message, { key: 'transport.path' });
  }
  const { openEmbeddedLog } = await import('../transport/embedded/embedded-log.ts');
  return openEmbeddedLog({ path, ...(logger === undefined ? {} : { logger }) });
}
