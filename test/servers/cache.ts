/** Where servers are kept between test runs: outside the clone, filled once, whole or not at all. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const cacheFolder = (): string => process.env['WEIR_TEST_CACHE'] || join(homedir(), '.cache', 'weir-test');

/** The folder `name` of the cache; `fill` makes it when it is not there. Several processes may ask at once. */
export async function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const target = join(cacheFolder(), name);
  if (existsSync(target)) return target;
  await mkdir(cacheFolder(), { recursive: true });
  const draft = await mkdtemp(join(cacheFolder(), `.${name}-`));
  try {
    await fill(draft);
    await rename(draft, target);
  } catch (error) {
    // Another process was first: what it made is as good.
    if (!existsSync(target)) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return target;
}
