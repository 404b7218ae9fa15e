/** What the demo runs on this machine: ip and tc, and who a process id belongs to. */
import { execFile, type ExecFileException } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { WeirError } from '../../contract/errors.ts';

const TIMEOUT_MS = 20_000;

/** The program's path, also where root's folders are not on the PATH; null when it is not there. */
export function findProgram(name: string): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter).concat('/usr/sbin', '/sbin');
  for (const folder of folders) {
    if (folder !== '' && existsSync(join(folder, name))) return join(folder, name);
  }
  return null;
}

/** Run to the end; `input` goes to its standard input. WEIR_DEMO_FAILED names `step` and what the program said. */
export function runProgram(step: string, name: string, args: readonly string[], input = ''): Promise<string> {
  const program = findProgram(name);
  if (program === null)
    throw new WeirError('WEIR_DEMO_FAILED', `${step}: ${name} is missing; install iproute2`, { step });
  return new Promise((resolve, reject) => {
    const done = (error: ExecFileException | null, out: string, err: string): void => {
      if (error === null) return resolve(out);
      const said = err.trim().split('\n').slice(-2).join(' ') || error.message;
      reject(new WeirError('WEIR_DEMO_FAILED', `${step}: ${name} ${args.join(' ')}: ${said}`, { step }, error));
    };
    const child = execFile(program, args, { timeout: TIMEOUT_MS, encoding: 'utf8' }, done);
    // A program that ends before it has read everything says why on standard error.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

/** Commands of `ip` in a network namespace, in one process. */
export const ipBatch = (step: string, namespace: string, lines: readonly string[]): Promise<string> =>
  runProgram(step, 'ip', ['-n', namespace, '-batch', '-'], `${lines.join('\n')}\n`);

/** When a process started, in the kernel's ticks; null when there is none. Unlike the id, never used again. */
export function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold blanks: field 22 is the 20th behind it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || (error as NodeJS.ErrnoException).code === 'ESRCH')
      return null;
    throw error;
  }
}
