/**
 * A real kube-apiserver over a real etcd, on loopback, in a folder of its own. There are no controllers, no scheduler and
 * no kubelet: tests play them. Facts: /readyz after 2.5-9 s, some 300 MB.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { installKube, type KubeInstall } from './kube-install.ts';
import { freePorts } from './ports.ts';
import { findProgram } from './programs.ts';

const READY_WITHIN_MS = 120_000;
const LOOK_MS = 100;

/** Tokens of users: admin may all, the watcher what the RBAC of a test gives it. */
export const ADMIN_TOKEN = 'admin-of-the-tests';
export const WATCHER_TOKEN = 'watcher-of-the-tests';

export interface KubeResponse {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

export class KubeServer {
  readonly #install: KubeInstall;
  readonly #home: string;
  readonly #ports: readonly number[];
  #etcd: Program | null = null;
  #apiServer: Program | null = null;

  private constructor(install: KubeInstall, home: string, ports: readonly number[]) {
    this.#install = install;
    this.#home = home;
    this.#ports = ports;
  }

  /** Builds kube-apiserver at the first call of all. */
  static async start(): Promise<KubeServer> {
    const install = await installKube();
    const home = await mkdtemp(join(tmpdir(), 'weir-kube-'));
    const server = new KubeServer(install, home, await freePorts(3));
    try {
      await server.#prepare();
      await server.startEtcd();
      await server.startApiServer();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  get url(): string {
    return `https://127.0.0.1:${this.#ports[0]}`;
  }

  /** A kubeconfig file for a token, of the server itself or of what stands before it. */
  async kubeconfig(token: string, server: string = this.url): Promise<string> {
    const file = join(this.#home, `kubeconfig-${token}`);
    const certificate = (await this.#certificate()).toString('base64');
    // The client takes plain HTTP only where it is told to trust everything.
    const trust = server.startsWith('http:')
      ? { 'insecure-skip-tls-verify': true }
      : { 'certificate-authority-data': certificate };
    const cluster = { server, ...trust };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster }],
      users: [{ name: 'test', user: { token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: 'test' } }],
      'current-context': 'test',
    };
    await writeFile(file, JSON.stringify(config), { mode: 0o600 });
    return file;
  }

  async startEtcd(): Promise<void> {
    const client = `http://127.0.0.1:${this.#ports[1]}`;
    const peer = `http://127.0.0.1:${this.#ports[2]}`;
    this.#etcd = new Program(this.#install.etcd, join(this.#home, 'etcd.log'), [
      `--data-dir=${join(this.#home, 'etcd')}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=default=${peer}`,
      '--unsafe-no-fsync',
    ]);
  }

  /** Resolves when it is ready. */
  async startApiServer(): Promise<void> {
    const file = (name: string): string => join(this.#home, name);
    this.#apiServer = new Program(this.#install.apiServer, file('api-server.log'), [
      `--etcd-servers=http://127.0.0.1:${this.#ports[1]}`,
      '--bind-address=127.0.0.1',
      '--advertise-address=127.0.0.1',
      `--secure-port=${this.#ports[0]}`,
      `--cert-dir=${file('certificates')}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-signing-key-file=${file('account.key')}`,
      `--service-account-key-file=${file('account.pub')}`,
      '--authorization-mode=RBAC',
      `--token-auth-file=${file('tokens.csv')}`,
      '--disable-admission-plugins=ServiceAccount',
      '--endpoint-reconciler-type=none',
      // What a test deletes of etcd's history is gone from the server's memory as soon as it starts again.
      '--etcd-compaction-interval=0',
      '--shutdown-watch-termination-grace-period=1s',
    ]);
    await this.#ready();
  }

  /** SIGKILL: connections break. */
  async killApiServer(): Promise<void> {
    await this.#apiServer?.end('SIGKILL');
  }

  /** SIGSTOP: it holds its connections and answers nobody. */
  freezeApiServer(): void {
    this.#apiServer?.signal('SIGSTOP');
  }

  thawApiServer(): void {
    this.#apiServer?.signal('SIGCONT');
  }

  /** Forget etcd's history up to now: a watch that goes on from before is told 410. */
  async compact(): Promise<void> {
    const etcd = `http://127.0.0.1:${this.#ports[1]}/v3/kv`;
    const post = async (path: string, body: object): Promise<{ header: { revision: string } }> => {
      const response = await fetch(`${etcd}/${path}`, { method: 'POST', body: JSON.stringify(body) });
      if (!response.ok) throw new Error(`etcd answered ${response.status} to ${path}: ${await response.text()}`);
      return (await response.json()) as { header: { revision: string } };
    };
    const { header } = await post('range', { key: Buffer.from('/registry').toString('base64') });
    await post('compaction', { revision: header.revision, physical: true });
  }

  /** A request as admin; JSON in and out. Any status is an answer. */
  async call(method: string, path: string, body?: object, contentType = 'application/json'): Promise<KubeResponse> {
    const ca = await this.#certificate();
    return new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, 'content-type': contentType };
      const sent = request(`${this.url}${path}`, { method, ca, headers, timeout: 10_000 }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(parts).toString();
          const isJson = (response.headers['content-type'] ?? '').includes('json');
          const answer = isJson ? (JSON.parse(text) as Record<string, unknown>) : { text };
          resolve({ status: response.statusCode ?? 0, body: answer });
        });
      });
      sent.on('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer in 10 s`)));
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async close(): Promise<void> {
    await this.#apiServer?.end('SIGKILL');
    await this.#etcd?.end('SIGKILL');
    await rm(this.#home, { recursive: true, force: true });
  }

  async #prepare(): Promise<void> {
    await mkdir(join(this.#home, 'certificates'));
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await writeFile(join(this.#home, 'account.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }));
    await writeFile(join(this.#home, 'account.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
    const tokens = `${ADMIN_TOKEN},admin,1,"system:masters"\n${WATCHER_TOKEN},watcher,2,"weir"\n`;
    await writeFile(join(this.#home, 'tokens.csv'), tokens);
  }

  /** The server signs for itself, at its first start. */
  async #certificate(): Promise<Buffer> {
    return readFile(join(this.#home, 'certificates', 'apiserver.crt'));
  }

  async #ready(): Promise<void> {
    let last = '';
    for (let waitedMs = 0; waitedMs < READY_WITHIN_MS; waitedMs += LOOK_MS) {
      await pause(LOOK_MS);
      for (const program of [this.#etcd, this.#apiServer]) {
        if (program?.isRunning === false) throw new Error(`it ended at its start:\n${await program.output()}`);
      }
      const answer = await this.call('GET', '/readyz').catch((error: Error) => error);
      if (!(answer instanceof Error) && answer.status === 200) return;
      last = answer instanceof Error ? answer.message : String(answer.status);
    }
    throw new Error(
      `kube-apiserver was not ready after ${READY_WITHIN_MS} ms: ${last}\n${await this.#apiServer?.output()}`,
    );
  }
}

/** A process that ends with this one. */
class Program {
  readonly #file: string;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  isRunning = true;

  constructor(path: string, file: string, args: readonly string[]) {
    this.#file = file;
    const descriptor = openSync(file, 'a');
    const setpriv = findProgram('setpriv');
    const command = setpriv === null ? [path] : [setpriv, '--pdeathsig', 'KILL', '--', path];
    const [program = '', ...before] = command;
    this.#child = spawn(program, [...before, ...args], { stdio: ['ignore', descriptor, descriptor] });
    closeSync(descriptor);
    const endWithUs = (): void => void this.#child.kill('SIGKILL');
    process.on('exit', endWithUs);
    this.#exited = new Promise<void>((resolve) => {
      this.#child.once('error', () => resolve());
      this.#child.once('exit', () => resolve());
    }).then(() => {
      this.isRunning = false;
      process.off('exit', endWithUs);
    });
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  async end(name: NodeJS.Signals): Promise<void> {
    if (!this.isRunning) return;
    this.#child.kill(name);
    await this.#exited;
  }

  async output(): Promise<string> {
    return (await readFile(this.#file, 'utf8')).slice(-4000);
  }
}
