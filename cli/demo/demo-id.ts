/** Names of a demo's namespaces and cgroups: they tell whose they are, so that two demos never meet and a dead one's are found. */
import { startOf } from './machine.ts';

const ID = /^(\d+)-(\d+)$/;

/** The id of the demo that this process runs: its pid and when it started. */
export const ownDemoId = (): string => `${process.pid}-${startOf(process.pid) ?? '0'}`;

export const cgroupName = (id: string): string => `weir-demo-${id}`;
export const namespaceName = (id: string, namespace: string): string => `weir-${id}-${namespace}`;

/** The id in such a name; null for what is not a demo's. */
export function idOfCgroup(name: string): string | null {
  const id = /^weir-demo-(\d+-\d+)$/.exec(name)?.[1];
  return id ?? null;
}

export function idOfNamespace(name: string): string | null {
  const id = /^weir-(\d+-\d+)-[a-z-]+$/.exec(name)?.[1];
  return id ?? null;
}

/** Whether the process that runs the demo is there. `start` tells when a pid's process started, null for none. */
export function isDemoAlive(id: string, start: (pid: number) => string | null = startOf): boolean {
  const [, pid, started] = ID.exec(id) ?? [];
  return started !== undefined && start(Number(pid)) === started;
}
