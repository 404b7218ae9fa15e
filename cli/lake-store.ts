/** The store of a lake by its address: a folder, or a bucket with what the configuration says of it. */
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../contract/clock.ts';
import type { Config } from '../contract/config-table.ts';
import { WeirError } from '../contract/errors.ts';
import { type Logger, silentLogger } from '../contract/log.ts';
import type { Store } from '../contract/store.ts';

export interface OpenedStore {
  readonly store: Store;
  /** Give back what it holds on this machine. */
  readonly close: () => Promise<void>;
}

const closeNothing = (): Promise<void> => Promise.resolve();

export const isRemote = (uri: string): boolean => /^[a-z][a-z0-9+.-]*:\/\//i.test(uri);

/** For a stage: probed. WEIR_CONFIG_INVALID, WEIR_SINK_STORE_*. */
export async function openLakeStore(uri: string, config: Config, logger: Logger): Promise<OpenedStore> {
  if (!isRemote(uri)) {
    const { openFolderStore } = await import('../sink/store/folder.ts');
    return { store: await openFolderStore(uri), close: closeNothing };
  }
  const { openS3Store } = await import('../sink/store/s3.ts');
  const store = await openS3Store(s3Options(uri, config, logger));
  return { store, close: () => store.close() };
}

/** For a command that only reads: nothing is asked before the first read. WEIR_CONFIG_INVALID. */
export async function readLakeStore(uri: string, config: Config): Promise<OpenedStore> {
  if (!isRemote(uri)) {
    const { readFolderStore } = await import('../sink/store/folder.ts');
    return { store: readFolderStore(uri), close: closeNothing };
  }
  const { readS3Store } = await import('../sink/store/s3.ts');
  const store = readS3Store(s3Options(uri, config, silentLogger));
  return { store, close: () => store.close() };
}

function s3Options(uri: string, config: Config, logger: Logger) {
  if (!uri.startsWith('s3://')) {
    throw new WeirError('WEIR_CONFIG_INVALID', `the lake ${uri} is neither s3://bucket/prefix nor a folder`, { uri });
  }
  return {
    uri,
    endpoint: config['lake.endpoint'],
    region: config['lake.region'],
    pathStyle: config['lake.pathStyle'],
    cacheDir: config['lake.cache'] || defaultCache(),
    cacheBytesMax: config['lake.cacheBytes'],
    logger,
    clock: systemClock,
  };
}

/** As the XDG base directory specification has it; a user without a home gets a folder that only he can have made. */
function defaultCache(): string {
  const base = process.env['XDG_CACHE_HOME'] ?? '';
  if (base.startsWith('/')) return join(base, 'weir');
  const home = homedir();
  return home === '/' || home === ''
    ? join(tmpdir(), `weir-cache-${process.getuid?.() ?? 0}`)
    : join(home, '.cache', 'weir');
}
