/**
 * Connections of known number, addresses and bytes, made by a process in a cgroup: connection `index` of node `node` comes
 * from an address of its own, so that each end's row is recognised in the lake, and its bytes are known.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { withUs } from './children.ts';

const PROGRAM = fileURLToPath(new URL('./traffic-child.ts', import.meta.url));

/** Of 127.0.0.0/8, so that no other network sees it: 2^21 connections a node, nodes 1 to 3. */
export function clientAddress(node: number, index: number): string {
  return `127.${node * 32 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
}

/** The reverse; null for an address of nobody here. */
export function connectionOf(address: string): { readonly node: number; readonly index: number } | null {
  const [, second = 0, third = 0, fourth = 0] = address.split('.').map(Number);
  const node = second >> 5;
  return node < 1 || node > 3 ? null : { node, index: ((second & 31) << 16) | (third << 8) | fourth };
}

export const bytesOut = (index: number): number => 1 + (index % 1009);
export const bytesBack = (index: number): number => 1 + (index % 701);

export class Traffic {
  readonly node: number;
  /** Connections that were made and have ended on both sides; numbers 0 to `made` - 1 in some order. */
  made = 0;
  readonly #child: ChildProcess;
  #asked = 0;
  #failure: Error | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isSuspended = false;

  constructor(node: number, cgroup: string) {
    this.node = node;
    const args = [PROGRAM, String(node), cgroup];
    const [program = process.execPath, ...words] = [...withUs(), process.execPath, ...args] as readonly string[];
    const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => {
      if (line === 'ended') this.made++;
      else if (line !== 'ready') this.#failure = new Error(`traffic of node ${node}: ${line}`);
    });
    child.on('exit', (status) => (this.#failure ??= new Error(`traffic of node ${node} ended: ${status}`)));
  }

  /** Resolves once its server listens. */
  async ready(): Promise<void> {
    await once(this.#child.stdout!, 'data');
  }

  /** So many connections a second until `pause`. */
  run(perSecond: number): void {
    this.pause();
    this.#timer = setInterval(() => this.#isSuspended || this.#ask(1), 1000 / perSecond);
  }

  /** Nothing is begun until `resume`. */
  suspend(): void {
    this.#isSuspended = true;
  }

  resume(): void {
    this.#isSuspended = false;
  }

  pause(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** So many at once, and wait for them and all that were asked for. */
  async make(count: number): Promise<void> {
    this.#ask(count);
    await this.settled();
  }

  /** Everything that was asked for is made. */
  async settled(): Promise<void> {
    while (this.made < this.#asked) {
      if (this.#failure !== null) throw this.#failure;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async stop(): Promise<void> {
    this.pause();
    this.#child.removeAllListeners('exit');
    this.#child.kill('SIGKILL');
    await once(this.#child, 'close');
  }

  #ask(count: number): void {
    this.#asked += count;
    this.#child.stdin?.write(`${count}\n`);
  }
}
