/** `weir` as users start it, with its output kept. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const root: string = fileURLToPath(new URL('../../', import.meta.url));
const WEIR = join(root, 'bin', 'weir');
const WAIT_MS = 60_000;

export class WeirProcess {
  readonly child: ChildProcess;
  #out = '';

  /** `prefix` is put before the command line, for example setpriv with its flags. */
  constructor(args: readonly string[], prefix: readonly string[] = []) {
    const [program = process.execPath, ...rest] = [...prefix, process.execPath, WEIR, ...args];
    this.child = spawn(program, rest, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#out += chunk.toString();
      });
    }
  }

  /** Standard output and standard error as they came. */
  get out(): string {
    return this.#out;
  }

  /** Resolves to the status; a signal's end is null. */
  async end(): Promise<number | null> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close');
    return this.child.exitCode;
  }

  /** Wait until the output matches. */
  async says(what: RegExp): Promise<void> {
    for (let waitedMs = 0; !what.test(this.#out); waitedMs += 25) {
      if (waitedMs > WAIT_MS || this.child.exitCode !== null) throw new Error(`${what} is not in:\n${this.#out}`);
      await sleep(25);
    }
  }
}

/** Run to the end. */
export async function weir(
  args: readonly string[],
  prefix: readonly string[] = [],
): Promise<{ status: number | null; out: string }> {
  const started = new WeirProcess(args, prefix);
  const status = await started.end();
  return { status, out: started.out };
}
