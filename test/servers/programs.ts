/** Programs that real servers need: found once, and one clear error that names what is missing. */
import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** The path of a program, null when there is none on PATH. */
export function findProgram(name: string): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    if (folder === '') continue;
    const path = join(folder, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }
  return null;
}

export function requireProgram(name: string, forWhat: string, howToGet: string): string {
  const path = findProgram(name);
  if (path === null) throw new Error(`${name} is missing; ${forWhat} needs it: ${howToGet}`);
  return path;
}

/** Run to its end; its output is in the error when it fails. */
export async function runProgram(path: string, args: readonly string[], cwd?: string): Promise<string> {
  const options = { maxBuffer: 16 * 1024 * 1024, ...(cwd === undefined ? {} : { cwd }) };
  try {
    return (await execute(path, [...args], options)).stdout;
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`${path} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error });
  }
}
