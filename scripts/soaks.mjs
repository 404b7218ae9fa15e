// The items of npm run soak: `command` are the arguments of the pinned Node, `env` is added to the environment.
// A test that has a short form in npm test reads its size from the environment, so that both are one test.

/** @type {readonly {name: string, command: readonly string[], env?: Record<string, string>, what: string}[]} */
export const soaks = [
  {
    name: 'demo-seeds',
    command: ['scripts/demo-seeds.mjs', '20'],
    what: '20 demos with different seeds: every connection found, 0 named wrongly, bytes exact',
  },
  {
    name: 'memory',
    command: ['benchmarks/memory-soak.ts', '--for', '10m'],
    what: 'ten minutes of steady load on weir run: resident memory grows by less than 1 MB a minute after minute 2',
  },
];
