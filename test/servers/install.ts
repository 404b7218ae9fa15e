/** Fetches and builds the servers of a suite before it runs, so that no test's time goes into it: NAMES. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { APICURIO_VERSION, installApicurio } from './apicurio.ts';
import { cacheFolder } from './cache.ts';
import { installKafka, KAFKA_VERSION } from './kafka-install.ts';
import { installKube, KUBERNETES_VERSION } from './kube-install.ts';
import { installMinio, MINIO_VERSION } from './minio.ts';
import { installPython, PYTHON_PACKAGES_VERSION } from './python.ts';
import { installVersitygw, VERSITYGW_VERSION } from './versitygw.ts';

const SERVERS: Readonly<
  Record<string, { readonly version: string; readonly what: string; install(): Promise<unknown> }>
> = {
  apicurio: {
    version: APICURIO_VERSION,
    what: 'Apicurio Registry from Maven Central (159 MB)',
    install: installApicurio,
  },
  kafka: { version: KAFKA_VERSION, what: 'Apache Kafka from Maven Central (43 MB)', install: installKafka },
  'kube-apiserver': {
    version: KUBERNETES_VERSION,
    what: 'kube-apiserver by go build (ten minutes of CPU, 2.3 GB of memory)',
    install: installKube,
  },
  minio: {
    version: MINIO_VERSION,
    what: 'MinIO, a second S3 server, by go install (four minutes of CPU)',
    install: installMinio,
  },
  python: {
    version: PYTHON_PACKAGES_VERSION,
    what: 'kafka-python, fastavro and zstandard by pip (10 MB)',
    install: installPython,
  },
  versitygw: {
    version: VERSITYGW_VERSION,
    what: 'versitygw, an S3 server, by go install (two minutes of CPU)',
    install: installVersitygw,
  },
};

try {
  for (const name of process.argv.slice(2)) {
    const server = SERVERS[name];
    if (server === undefined) throw new Error(`no server ${name}; there are ${Object.keys(SERVERS).join(', ')}`);
    if (existsSync(join(cacheFolder(), `${name}-${server.version}`))) continue;
    process.stdout.write(`npm test: installs ${server.what} into ${cacheFolder()}\n`);
    await server.install();
  }
} catch (error) {
  process.stderr.write(`npm test: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
