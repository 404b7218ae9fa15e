// The items of npm run soak: `command` are the arguments of the pinned Node, `env` is added to the environment.
// A test that has a short form in npm test reads its size from the environment, so that both are one test.

/** @type {readonly {name: string, command: readonly string[], env?: Record<string, string>, what: string}[]} */
export const soaks = [
  {
    name: 'demo-seeds',
    command: ['scripts/demo-seeds.mjs', '20'],
    what: '20 demos with different seeds: every connection found, 0 named wrongly, bytes exact',
  },
];
