import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFolderStore } from '../../sink/store/folder.ts';
import { describeStore } from './store-contract.ts';

describeStore(
  'a folder',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weir-contract-'));
    const open = () => openFolderStore(join(folder, 'lake'));
    return {
      store: await open(),
      another: open,
      metadataOf: null,
      close: () => rm(folder, { recursive: true, force: true }),
    };
  },
  { rounds: 20 },
);
