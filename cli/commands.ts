/** The subcommands, by name: loaded when they are called, so that `weir sidecar` loads nothing of the others. */
import type { Command } from './command.ts';

export interface CommandEntry {
  readonly name: string;
  readonly what: string;
  load(): Promise<Command>;
}

const entry = (name: string, what: string, load: () => Promise<{ command: Command }>): CommandEntry => ({
  name,
  what,
  load: async () => (await load()).command,
});

export const COMMANDS: readonly CommandEntry[] = [
  entry(
    'demo',
    'a small fleet on this machine, and the answers held against the truth',
    () => import('./commands/demo.ts'),
  ),
  entry('run', 'all stages in one process, on a local log and lake', () => import('./commands/run.ts')),
  entry('sidecar', 'capture and claims of one node', () => import('./commands/sidecar.ts')),
  entry('enricher', 'raw flows to enriched flows', () => import('./commands/enricher.ts')),
  entry('watcher', 'pods, services and nodes of a Kubernetes cluster', () => import('./commands/watcher.ts')),
  entry('sink', 'enriched flows to tables', () => import('./commands/sink.ts')),
  entry('query', 'SQL over the lake', () => import('./commands/query.ts')),
  entry('tail', 'flows as they arrive', () => import('./commands/tail.ts')),
  entry('top', 'the busiest edges', () => import('./commands/top.ts')),
  entry('map', 'who talks to whom', () => import('./commands/map.ts')),
  entry('verify', 'proves that the lake is complete', () => import('./commands/verify.ts')),
  entry('replay', 'joins a stretch of the raw topic again, into another lake', () => import('./commands/replay.ts')),
  entry('ddl', 'the statements that make the tables in another engine', () => import('./commands/ddl.ts')),
  entry('topics', 'makes and checks the topics', () => import('./commands/topics.ts')),
  entry('dead-letters', 'what was refused, and its way back', () => import('./commands/dead-letters.ts')),
  entry('record', 'writes a recording of this machine', () => import('./commands/record.ts')),
  entry('doctor', 'what this machine allows, and what a missing hook costs', () => import('./commands/doctor.ts')),
];
