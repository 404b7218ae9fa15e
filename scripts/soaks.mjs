// The items of npm run soak: `command` are the arguments of the pinned Node, `env` is added to the environment.
// A test that has a short form in npm test reads its size from the environment, so that both are one test.

/** @type {readonly {name: string, command: readonly string[], env?: Record<string, string>, what: string}[]} */
export const soaks = [
  {
    name: 'completeness',
    command: ['--test', 'test/e2e/completeness.test.ts'],
    env: { WEIR_TEST_CONNECTIONS: '100000' },
    what: '100,000 connections with cross-CPU interrupts are 200,000 rows of the lake, each once, with exact bytes',
  },
  {
    name: 'kill-run',
    command: ['--test', 'test/fault/run-killed.test.ts'],
    env: { WEIR_KILL_ROUNDS: '100' },
    what: 'weir run killed 100 times at any moment: what the log acknowledged is in the lake, each flow once',
  },
  {
    name: 'capture',
    command: ['--test', '--test-concurrency=1', 'test/bpf/**/*.test.ts'],
    env: { WEIR_TEST_CONNECTIONS: '100000' },
    what: 'the capture tests with 100,000 connections: a record at each end, exact bytes and owners',
  },
  {
    name: 'fuzz',
    command: ['--test', 'test/property/schemas-fuzz.test.ts'],
    env: { WEIR_FUZZ_CASES: '3000000' },
    what: 'a million mutations of the golden files a decoder: refused with a code, never a crash or a hang',
  },
  {
    name: 'enricher-model',
    command: ['--test', 'test/property/enricher-model.test.ts'],
    env: { WEIR_MODEL_CASES: '10000000' },
    what: 'ten million flows against random claims: the join says what a full scan of all claims says',
  },
  {
    name: 'hand-overs',
    command: ['--test', 'test/e2e/hand-overs.test.ts'],
    env: { WEIR_HAND_OVERS: '50' },
    what: 'real sockets: an address handed on 50 times in a minute under load, on two nodes: nobody named wrongly',
  },
  {
    name: 'reuse',
    command: ['benchmarks/reuse-replay.ts'],
    what: 'ten million flows of a fleet whose addresses change hands: nobody named wrongly, each reason true',
  },
  {
    name: 'demo-seeds',
    command: ['scripts/demo-seeds.mjs', '20'],
    what: '20 demos with different seeds: every connection found, 0 named wrongly, bytes exact',
  },
  {
    name: 'faults',
    command: ['scripts/faults.mjs', '--seed', '1', '--rounds', '60', '--seconds', '1380'],
    what: 'a fault campaign of over 1,000 faults: 0 lost untold, 0 doubled, 0 told twice',
  },
  {
    name: 'faults-3-brokers',
    command: ['scripts/faults.mjs', '--seed', '2', '--rounds', '30', '--brokers', '3', '--seconds', '900'],
    what: 'the same on three brokers, leaders of partitions killed among the faults',
  },
  {
    name: 'faults-planted',
    command: ['scripts/faults.mjs', '--plants'],
    what: 'each rule of exactly once left out in turn: the campaign finds every one within the rounds that it names',
  },
  {
    name: 'memory',
    command: ['benchmarks/memory-soak.ts', '--for', '10m'],
    what: 'ten minutes of steady load on weir run: resident memory grows by less than 1 MB a minute after minute 2',
  },
  {
    name: 'away',
    command: ['benchmarks/away-soak.ts', '--for', '10m'],
    what: 'ten minutes at full input without what comes after a stage: its memory is flat and bounded, and nothing is lost',
  },
];
