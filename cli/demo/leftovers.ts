/** Taking away a demo's namespaces, cgroups and processes: its own at the end, and those that a killed one left. */
import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { WeirError } from '../../contract/errors.ts';
import { cgroupName, idOfCgroup, idOfNamespace, isDemoAlive } from './demo-id.ts';
import { runProgram } from './machine.ts';

const NAMESPACES = '/run/netns';
const PAUSE_MS = 20;
const TRIES = 250;

const list = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

/** Demos whose names are on this machine. */
export function demosHere(cgroupMount: string): string[] {
  const ids = [...list(cgroupMount).map(idOfCgroup), ...list(NAMESPACES).map(idOfNamespace)];
  return [...new Set(ids.filter((id) => id !== null))];
}

/** Remove what demos left whose process is gone. Returns their ids. */
export async function sweepLeftovers(cgroupMount: string): Promise<string[]> {
  const dead = demosHere(cgroupMount).filter((id) => !isDemoAlive(id));
  for (const id of dead) await removeDemo(cgroupMount, id);
  return dead;
}

/** Kill what runs in the demo's cgroups, then remove cgroups and namespaces. Idempotent. WEIR_DEMO_FAILED. */
export async function removeDemo(cgroupMount: string, id: string): Promise<void> {
  const cgroup = join(cgroupMount, cgroupName(id));
  if (existsSync(cgroup)) await removeCgroup(cgroup);
  for (const name of list(NAMESPACES)) {
    if (idOfNamespace(name) === id) await removeNamespace(name);
  }
}

/** Two demos may sweep at once: what the other has removed is gone, too. */
async function removeNamespace(name: string): Promise<void> {
  try {
    await runProgram('removing the namespaces', 'ip', ['netns', 'del', name]);
  } catch (error) {
    if (list(NAMESPACES).includes(name)) throw error;
  }
}

async function removeCgroup(cgroup: string): Promise<void> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (killTree(cgroup) === 0 && removeTree(cgroup)) return;
    await sleep(PAUSE_MS);
  }
  throw new WeirError('WEIR_DEMO_FAILED', `the cgroup ${cgroup} cannot be removed: processes in it do not end`, {
    cgroup,
  });
}

const foldersOf = (cgroup: string): string[] =>
  readdirSync(cgroup, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(cgroup, entry.name));

/** The same where another sweep may remove it meanwhile. */
function killTree(cgroup: string): number {
  try {
    return killAll(cgroup);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENODEV') return 0;
    throw error;
  }
}

/** SIGKILL to every process in it and below, by pid. Returns how many there were. */
function killAll(cgroup: string): number {
  const pids = readFileSync(join(cgroup, 'cgroup.procs'), 'utf8')
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 0);
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
  return foldersOf(cgroup).reduce((sum, folder) => sum + killAll(folder), pids.length);
}

/** False while the kernel still counts an ending process in it. */
function removeTree(cgroup: string): boolean {
  try {
    for (const folder of foldersOf(cgroup)) if (!removeTree(folder)) return false;
    rmdirSync(cgroup);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EBUSY' || code === 'ENOTEMPTY') return false;
    if (code === 'ENOENT') return true;
    throw error;
  }
}
