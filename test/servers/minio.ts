/** MinIO, the second opinion on S3: built once from the last version of its source that Go's proxy has. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cached } from './cache.ts';
import { requireProgram, runProgram } from './programs.ts';
import { S3Server } from './s3-process.ts';

export const MINIO_VERSION = '20260212201848';
const PACKAGE = `github.com/minio/minio@v0.0.0-${MINIO_VERSION}-7aac2a2c5b7c`;

/** Path of the program; four minutes of CPU when it is not in the cache yet. */
export async function installMinio(): Promise<string> {
  const folder = await cached(`minio-${MINIO_VERSION}`, async (draft) => {
    const go = requireProgram('go', 'the second S3 server of the tests (MinIO)', 'install Go 1.24 or newer');
    const env = requireProgram('env', 'go install', 'it is part of coreutils');
    await runProgram(env, [`GOBIN=${draft}`, 'CGO_ENABLED=0', go, 'install', '-trimpath', PACKAGE]);
  });
  return join(folder, 'minio');
}

/** On a free port of loopback, over a folder of its own; the caller stops it. */
export async function startMinio(): Promise<S3Server> {
  const program = await installMinio();
  return S3Server.start({
    name: 'minio',
    prepare: (home) => mkdir(join(home, 'data')),
    command: (port, home) => [program, 'server', '--quiet', '--address', `127.0.0.1:${port}`, join(home, 'data')],
    environment: (accessKey, secretKey) => ({
      MINIO_ROOT_USER: accessKey,
      MINIO_ROOT_PASSWORD: secretKey,
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
    }),
  });
}
