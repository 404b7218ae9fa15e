/** One process of an S3 server over a folder: started until it answers, killed, stopped and started again on its data. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { closeSync, openSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { S3Client } from '@aws-sdk/client-s3';
import { freePorts } from './ports.ts';
import { findProgram } from './programs.ts';

const READY_WITHIN_MS = 30_000;
const LOOK_MS = 50;
const STOP_WITHIN_MS = 10_000;

/** How a server is started: its command for a port, a folder of its own and the keys of its first user. */
export interface S3Command {
  readonly name: string;
  /** Once, before the first start. */
  prepare(home: string): Promise<void>;
  command(port: number, home: string): readonly string[];
  environment(accessKey: string, secretKey: string): Readonly<Record<string, string>>;
}

export class S3Server {
  readonly region = 'us-east-1';
  readonly accessKey: string = `AK${randomBytes(9).toString('hex').toUpperCase()}`;
  readonly secretKey: string = randomBytes(20).toString('hex');
  readonly home: string;
  readonly port: number;
  readonly #kind: S3Command;
  readonly #endWithUs = (): void => void this.#child?.kill('SIGKILL');
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();
  #client: S3Client | null = null;

  private constructor(kind: S3Command, home: string, port: number) {
    this.#kind = kind;
    this.home = home;
    this.port = port;
  }

  static async start(kind: S3Command): Promise<S3Server> {
    const home = await mkdtemp(join(tmpdir(), `weir-${kind.name}-`));
    await kind.prepare(home);
    const [port = 0] = await freePorts(1);
    const server = new S3Server(kind, home, port);
    await server.start();
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.#kind.name} is not running`);
    return pid;
  }

  /** What the SDK's default chain looks at. */
  get environment(): Readonly<Record<string, string>> {
    return { AWS_ACCESS_KEY_ID: this.accessKey, AWS_SECRET_ACCESS_KEY: this.secretKey };
  }

  /** A client with the first user's rights, for what the store under test does not do. */
  async client(): Promise<S3Client> {
    if (this.#client !== null) return this.#client;
    const { S3Client: Client } = await import('@aws-sdk/client-s3');
    this.#client = new Client({
      endpoint: this.endpoint,
      region: this.region,
      forcePathStyle: true,
      credentials: { accessKeyId: this.accessKey, secretAccessKey: this.secretKey },
    });
    return this.#client;
  }

  async makeBucket(name: string): Promise<void> {
    const { CreateBucketCommand } = await import('@aws-sdk/client-s3');
    await (await this.client()).send(new CreateBucketCommand({ Bucket: name }));
  }

  async start(): Promise<void> {
    if (this.#child !== null) throw new Error(`${this.#kind.name} is running`);
    const descriptor = openSync(this.#output, 'a');
    const setpriv = findProgram('setpriv');
    // util-linux' setpriv makes the kernel end the server with us, even where we are killed.
    const withUs = setpriv === null ? [] : [setpriv, '--pdeathsig', 'KILL', '--'];
    const [program = '', ...args] = [...withUs, ...this.#kind.command(this.port, this.home)];
    const env = { ...process.env, ...this.#kind.environment(this.accessKey, this.secretKey) };
    const child = spawn(program, args, { stdio: ['ignore', descriptor, descriptor], cwd: this.home, env });
    closeSync(descriptor);
    this.#child = child;
    this.#exited = new Promise<void>((resolve) => {
      child.once('error', () => resolve());
      child.once('exit', () => resolve());
    }).then(() => {
      this.#child = null;
      process.off('exit', this.#endWithUs);
    });
    process.on('exit', this.#endWithUs);
    await this.#ready();
  }

  /** SIGKILL; its data stay. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGSTOP: it holds its connections and answers nobody. */
  freeze(): void {
    process.kill(this.pid, 'SIGSTOP');
  }

  thaw(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  /** End it, and remove its folder. */
  async stop(): Promise<void> {
    this.#client?.destroy();
    this.#child?.kill('SIGTERM');
    const late = new AbortController();
    await Promise.race([
      this.#exited,
      pause(STOP_WITHIN_MS, undefined, { signal: late.signal }).catch(() => undefined),
    ]);
    late.abort();
    await this.kill();
    await rm(this.home, { recursive: true, force: true });
  }

  get #output(): string {
    return join(this.home, 'output.log');
  }

  /** Any answer over HTTP will do: without a signature it is a refusal. */
  async #ready(): Promise<void> {
    for (let waitedMs = 0; waitedMs < READY_WITHIN_MS; waitedMs += LOOK_MS) {
      await pause(LOOK_MS);
      if (this.#child === null) throw new Error(`${this.#kind.name} ended at its start:\n${await this.#said()}`);
      try {
        await (await fetch(this.endpoint)).arrayBuffer();
        return;
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
    }
    await this.kill();
    throw new Error(`${this.#kind.name} was not ready after ${READY_WITHIN_MS} ms:\n${await this.#said()}`);
  }

  async #said(): Promise<string> {
    return (await readFile(this.#output, 'utf8')).slice(-4000);
  }
}
