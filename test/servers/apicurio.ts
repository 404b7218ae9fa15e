/** Apicurio Registry from Maven Central: a schema registry with Confluent's API, in memory, on a free port of loopback. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { cached } from './cache.ts';
import { freePorts } from './ports.ts';
import { findProgram, requireProgram, runProgram } from './programs.ts';

export const APICURIO_VERSION = '3.3.3';
const ARTIFACT = `io.apicurio:apicurio-registry-app:${APICURIO_VERSION}:tar.gz:all`;
const START_MS = 90_000;
const JAVA_MIN = 21;

export interface Apicurio {
  /** Of its Confluent API. */
  readonly url: string;
  stop(): Promise<void>;
}

/** The folder of quarkus-run.jar. 159 MB once. */
export async function installApicurio(): Promise<string> {
  const folder = await cached(`apicurio-${APICURIO_VERSION}`, async (draft) => {
    const maven = requireProgram('mvn', 'Apicurio Registry', 'install Maven');
    const tar = requireProgram('tar', 'Apicurio Registry', 'install tar');
    const copy = ['-q', '-B', 'dependency:copy', `-Dartifact=${ARTIFACT}`, `-DoutputDirectory=${draft}`];
    await writeFile(join(draft, 'pom.xml'), POM);
    await runProgram(maven, copy, draft);
    const archive = readdirSync(draft).find((name) => name.endsWith('.tar.gz'));
    if (archive === undefined) throw new Error(`Maven left no archive of ${ARTIFACT}`);
    await runProgram(tar, ['-xzf', archive], draft);
  });
  return folder;
}

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>weir</groupId><artifactId>apicurio-for-tests</artifactId><version>1</version><packaging>pom</packaging></project>
`;

/** Ready after some 15 s; 265 MB. */
export async function startApicurio(): Promise<Apicurio> {
  const folder = await installApicurio();
  const java = await findJava();
  const [port = 0] = await freePorts(1);
  const env = {
    ...process.env,
    QUARKUS_HTTP_HOST: '127.0.0.1',
    QUARKUS_HTTP_PORT: String(port),
    APICURIO_STORAGE_KIND: 'sql',
  };
  const args = ['-Xmx384m', '-jar', jarIn(folder)];
  const child = spawn(java, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text));
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`;
  await answered(child, url, () => said);
  return { url, stop: () => stopped(child) };
}

function jarIn(folder: string): string {
  const path = readdirSync(folder, { recursive: true }).find((name) => String(name).endsWith('quarkus-run.jar'));
  if (path === undefined) throw new Error(`no quarkus-run.jar in ${folder}`);
  return join(folder, String(path));
}

/** A JDK that is new enough: of PATH, of JAVA_HOME, or where packages put them. */
async function findJava(): Promise<string> {
  const homes = [process.env['JAVA_HOME'] ?? '', ...readable('/usr/lib/jvm').map((name) => join('/usr/lib/jvm', name))];
  const found = [findProgram('java') ?? '', ...homes.filter(Boolean).map((home) => join(home, 'bin', 'java'))];
  for (const java of found.filter(Boolean)) {
    if ((await versionOf(java)) >= JAVA_MIN) return java;
  }
  throw new Error(
    `Apicurio Registry needs a JDK of version ${JAVA_MIN} or newer; install one, or name it with JAVA_HOME`,
  );
}

async function versionOf(java: string): Promise<number> {
  try {
    return Number(/^(\d+)/.exec((await runProgram(java, ['--version'])).replace(/^\S+ /, ''))?.[1] ?? 0);
  } catch (error) {
    if (error instanceof Error) return 0;
    throw error;
  }
}

function readable(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (error instanceof Error) return [];
    throw error;
  }
}

async function answered(child: ChildProcess, url: string, said: () => string): Promise<void> {
  for (const endMs = Date.now() + START_MS; Date.now() < endMs; await pause(250)) {
    if (child.exitCode !== null) break;
    try {
      if ((await fetch(`${url}/subjects`)).ok) return;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
  }
  child.kill('SIGKILL');
  throw new Error(`Apicurio Registry does not answer:\n${said().slice(-4000)}`);
}

async function stopped(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}
