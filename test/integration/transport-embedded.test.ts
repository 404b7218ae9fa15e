import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedLog } from '../../transport/embedded/embedded-log.ts';
import { transportContract } from './transport-contract.ts';

transportContract('the embedded log', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'weir-log-'));
  const path = join(folder, 'log', 'weir.sqlite');
  const log = await openEmbeddedLog({ path });
  return {
    log,
    open: () => openEmbeddedLog({ path }),
    end: async () => {
      await log.close();
      await rm(folder, { recursive: true });
    },
  };
});
