/** versitygw: an S3 server with true conditional writes, built once from its source by `go install`. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { requireProgram, runProgram } from './programs.ts';
import { S3Server } from './s3-process.ts';

export const VERSITYGW_VERSION = '1.8.0';
const PACKAGE = `github.com/versity/versitygw/cmd/versitygw@v${VERSITYGW_VERSION}`;

/** Path of the program; two minutes of CPU when it is not in the cache yet. */
export async function installVersitygw(): Promise<string> {
  const folder = await cached(`versitygw-${VERSITYGW_VERSION}`, async (draft) => {
    const go = requireProgram('go', 'the S3 server of the tests (versitygw)', 'install Go 1.24 or newer');
    const env = requireProgram('env', 'go install', 'it is part of coreutils');
    await runProgram(env, [`GOBIN=${draft}`, 'CGO_ENABLED=0', go, 'install', PACKAGE]);
  });
  return join(folder, 'versitygw');
}

/** On a free port of loopback, over a folder of its own; the caller stops it. */
export async function startVersitygw(): Promise<S3Server> {
  const program = await installVersitygw();
  return S3Server.start({
    name: 'versitygw',
    prepare: async (home) => {
      await mkdir(join(home, 'users'));
      await mkdir(join(home, 'data'));
    },
    command: (port, home) => {
      const listen = ['--port', `127.0.0.1:${port}`, '--iam-dir', join(home, 'users')];
      return [program, ...listen, 'posix', join(home, 'data')];
    },
    environment: (accessKey, secretKey) => ({ ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey }),
  });
}
