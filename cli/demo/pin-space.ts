/**
 * A bpffs for the demo's sidecars, in a mount namespace of its own: a process that waits holds the namespace, the sidecars
 * run in it, and with the demo all of it is gone. Nothing is mounted on the machine.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { fromUnknown } from '../../contract/errors.ts';
import type { NodeName } from './fleet-plan.ts';
import { findProgram } from './machine.ts';

export interface PinSpace {
  /** Put before a command, it runs in the namespace. Paths in it must be absolute. */
  readonly through: readonly string[];
  pinOf(node: NodeName): string;
  /** The namespace, and with it what is pinned there. Idempotent. */
  close(): Promise<void>;
}

export interface NoPinSpace {
  /** Why there is none here. */
  readonly why: string;
}

/** Mounts, says so, and then waits until its input ends: with the demo, however that ends. */
const HOLDER = 'mount -t bpf weir-demo "$1" && echo mounted && exec cat';

/** `folder` is made, to mount on: it is empty again for everybody outside, and removed at the end. */
export async function openPinSpace(folder: string): Promise<PinSpace | NoPinSpace> {
  const [unshare, nsenter] = ['unshare', 'nsenter'].map(findProgram);
  if (unshare === null || nsenter === null || unshare === undefined || nsenter === undefined)
    return { why: `${unshare === null ? 'unshare' : 'nsenter'} is missing: install util-linux` };
  mkdirSync(folder);
  const args = ['--mount', '--propagation', 'private', 'sh', '-c', HOLDER, 'sh', folder];
  const holder = spawn(unshare, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const why = await mounted(holder);
  if (why !== null) {
    rmdirSync(folder);
    return { why };
  }
  return {
    through: [nsenter, `--mount=/proc/${holder.pid}/ns/mnt`, '--'],
    pinOf: (node) => join(folder, node),
    close: async () => {
      if (holder.exitCode !== null || holder.signalCode !== null) return;
      holder.stdin.end();
      await once(holder, 'close');
      rmdirSync(folder);
    },
  };
}

/** Null once it is; else what the holder said before it ended. */
async function mounted(holder: ChildProcess): Promise<string | null> {
  let said = '';
  holder.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = new Promise<string>((resolve) => {
    holder.once('error', (error) => resolve(fromUnknown(error, 'WEIR_DEMO_FAILED', 'unshare cannot run').message));
    holder.once('close', (status) => resolve(said.trim().split('\n').at(-1) || `unshare ended with status ${status}`));
  });
  const ready = new Promise<null>((resolve) => holder.stdout?.once('data', () => resolve(null)));
  return Promise.race([ready, ended]);
}
