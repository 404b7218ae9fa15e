/** A Kafka client and fastavro for Python, for programs that share no code with Weir: packages in a folder of the cache. */
import { join } from 'node:path';
import { cached } from './cache.ts';
import { requireProgram, runProgram } from './programs.ts';

const PACKAGES = ['kafka-python==3.0.12', 'fastavro==1.13.1', 'zstandard==0.25.0'];
/** Counted up with every change of the list. */
export const PYTHON_PACKAGES_VERSION = '1';

export interface PythonInstall {
  readonly python: string;
  /** For PYTHONPATH. */
  readonly packages: string;
}

/** Some seconds when they are not in the cache yet. */
export async function installPython(): Promise<PythonInstall> {
  const python = requireProgram('python3', 'the consumer of the tests', 'install Python 3.9 or newer, with pip');
  const folder = await cached(`python-${PYTHON_PACKAGES_VERSION}`, async (draft) => {
    await runProgram(python, ['-m', 'pip', 'install', '-q', '--target', join(draft, 'packages'), ...PACKAGES]);
  });
  return { python, packages: join(folder, 'packages') };
}
