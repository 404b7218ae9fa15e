// npm start: all set-up, then the demo. Arguments go on to it: npm start -- --seed 3
import { join } from 'node:path';
import { requirePinnedNode, root, flags, run } from './node24.mjs';
import { setup } from './setup.mjs';

await setup({ addon: 'optional' });
process.exitCode = await run(requirePinnedNode(), [
  ...flags,
  join(root, 'cli', 'main.ts'),
  'demo',
  ...process.argv.slice(2),
]);
