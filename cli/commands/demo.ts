import {
  choiceFlag,
  type Command,
  countFlag,
  durationFlag,
  type Invocation,
  type Status,
  textFlag,
  usageError,
} from '../command.ts';

const FOR_MS_DEFAULT = 20_000;
const SEED_MAX = 4_294_967_295;
const VICTIMS: readonly ['sink', 'sidecar', 'none'] = ['sink', 'sidecar', 'none'];

export const command: Command = {
  usage: `weir demo: the whole pipeline on this machine, held against the truth

Makes a small fleet of two nodes (network namespaces and cgroups of its own), captures its connections with
eBPF, kills a stage in mid-run, and holds the answers against what the traffic programs wrote down. Needs root,
ip and tc; without them it plays a recording. Everything but the data folder is removed at the end.

USAGE
  weir demo [--for 20s] [--data DIR] [--seed N] [--kill sink|sidecar|none]

FLAGS
  --for DURATION  how long the traffic goes on, 10s to 5m (default 20s)
  --data DIR      the data folder (default weir-data)
  --seed N        of the traffic's plan: the same number makes the same plan (default 1)
  --kill STAGE    what is killed with -9 and started again: sink (default), sidecar (its ring is pinned in a mount
                  namespace of the demo's own: the next one goes on with it), none
  --record FILE   write a recording of the fleet with its truth, for machines without eBPF

EXIT STATUS
  0 every figure is right, 1 one is off, 3 the fleet could not be made

EXAMPLES
  sudo npx weir demo
  sudo npx weir demo --seed 7 --for 1m --data /tmp/weir-demo
`,
  options: {
    for: { type: 'string' },
    data: { type: 'string' },
    seed: { type: 'string' },
    kill: { type: 'string' },
    record: { type: 'string' },
  },
  sections: [],
  defaults: { 'log.level': 'warn', 'log.format': 'text' },
  run,
};

async function run(invocation: Invocation): Promise<Status> {
  const { FOR_MS_MAX, FOR_MS_MIN } = await import('../demo/traffic-plan.ts');
  const forMs = durationFlag(invocation, 'for') ?? FOR_MS_DEFAULT;
  if (forMs < FOR_MS_MIN || forMs > FOR_MS_MAX) throw usageError('--for is out of range; allowed is 10s to 5m');
  const { runDemo } = await import('../demo/run.ts');
  return runDemo(invocation, {
    forMs,
    data: textFlag(invocation, 'data'),
    seed: countFlag(invocation, 'seed', SEED_MAX) ?? 1,
    kill: choiceFlag(invocation, 'kill', VICTIMS),
    record: textFlag(invocation, 'record'),
  });
}
