/** Where the commands that read find the lake and its log: --data, lake.uri, or the default data folder. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../contract/config-table.ts';
import { WeirError } from '../contract/errors.ts';
import type { Store } from '../contract/store.ts';
import type { Log } from '../transport/log.ts';
import { type Invocation, textFlag } from './command.ts';
import { DEFAULT_DATA, findDataFolder } from './data-folder.ts';

export const LOG_FILE = 'weir.sqlite';

export interface Reading {
  readonly store: Store;
  /** Null where there is none beside the lake. */
  readonly logFile: string | null;
  /** As a message names it. */
  readonly where: string;
}

/** --data is a data folder, or a lake itself. WEIR_EXPLORE_NO_LAKE, WEIR_DATA_VERSION. */
export async function openReading(invocation: Pick<Invocation, 'flags' | 'config'>): Promise<Reading> {
  const where = textFlag(invocation, 'data') ?? (invocation.config['lake.uri'] || DEFAULT_DATA);
  refuseRemote(where);
  const { readFolderStore } = await import('../sink/store/folder.ts');
  const folder = findDataFolder(where);
  if (folder !== null) {
    const logFile = join(folder.log, LOG_FILE);
    return { store: readFolderStore(folder.lake), logFile: existsSync(logFile) ? logFile : null, where };
  }
  if (!existsSync(join(where, '_chain'))) {
    const message = `there is no lake at ${where}: run weir run or weir demo first, or name --data`;
    throw new WeirError('WEIR_EXPLORE_NO_LAKE', message, { where });
  }
  return { store: readFolderStore(where), logFile: null, where };
}

/** Buckets come with the S3 store. WEIR_CONFIG_INVALID. */
export function refuseRemote(uri: string): void {
  if (!/^[a-z0-9]+:\/\//i.test(uri)) return;
  throw new WeirError('WEIR_CONFIG_INVALID', `${uri} is no folder; this version of Weir reads and writes folders only`);
}

/** The log that the stages of this configuration share. WEIR_CONFIG_INVALID, WEIR_TRANSPORT_*. */
export async function openLog(config: Config, fallbackFile: string | null): Promise<Log> {
  if (config['transport.kind'] !== 'embedded') {
    const message = 'transport.kind is kafka; this version of Weir has the embedded log only';
    throw new WeirError('WEIR_CONFIG_INVALID', message, { key: 'transport.kind' });
  }
  const folder = config['transport.path'];
  const path = folder === '' ? fallbackFile : join(folder, LOG_FILE);
  if (path === null) {
    const message = 'transport.path is empty; name the folder of the embedded log, or a data folder with --data';
    throw new WeirError('WEIR_CONFIG_INVALID', message, { key: 'transport.path' });
  }
  const { openEmbeddedLog } = await import('../transport/embedded/embedded-log.ts');
  return openEmbeddedLog({ path });
}
