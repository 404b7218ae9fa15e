// npm run faults -- --seed N --rounds R [--brokers 3] [--plant NAME | --plants]: the fault campaign over real processes,
// Kafka and S3. In a mount namespace of its own, for the bpffs that the captures are pinned on. Needs root.
import { fileURLToPath } from 'node:url';
import { flags, requirePinnedNode, run } from './node24.mjs';
import { fail, findProgram, say, setup } from './setup.mjs';

const CAMPAIGN = fileURLToPath(new URL('../test/fault/campaign/main.ts', import.meta.url));
const INSTALL = fileURLToPath(new URL('../test/servers/install.ts', import.meta.url));

if (process.getuid() !== 0) fail('npm run faults needs root: it captures connections with eBPF, in cgroups of its own');
const unshare = findProgram('unshare');
if (unshare === null) fail('unshare is missing; install util-linux');
say('npm run faults: set-up first; the last line of output is the result as JSON');
await setup({ addon: 'required' });
const node = requirePinnedNode();
if ((await run(node, [...flags, INSTALL, 'kafka', 'versitygw'])) !== 0) process.exit(1);
// kafkajs' admin client, which the campaign alone uses, has a timer that Node warns of.
const quiet = [...flags, '--disable-warning=TimeoutNegativeWarning'];
const apart = ['--mount', '--propagation', 'private'];
process.exitCode = await run(unshare, [...apart, node, ...quiet, CAMPAIGN, ...process.argv.slice(2)]);
