/** Everything that a campaign runs: brokers and S3 server behind their proxies, nodes with traffic, stages as processes. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, rmdirSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { mountHere } from '../../../sidecar/capture-host.ts';
import { partitionOf } from '../../../transport/key-partition.ts';
import { type Aim, FaultProxy, type Held } from '../../servers/fault-proxy.ts';
import { type HeldRequest, HttpFaultProxy } from '../../servers/http-fault-proxy.ts';
import { type KafkaCluster, startKafka } from '../../servers/kafka.ts';
import type { S3Server } from '../../servers/s3-process.ts';
import { startVersitygw } from '../../servers/versitygw.ts';
import { SeededRandom } from '../../fixtures/seeded-random.ts';
import { type ChildSpec, StageChild, type StageKind } from './children.ts';
import { CLIENT_VARIABLE, EDITS_VARIABLE, type SourceEdit } from './edits.ts';
import { ANSWER_MS } from './pace.ts';
import { Tally } from './tally.ts';
import { TopicAdmin } from './topic-admin.ts';
import { Traffic } from './traffic.ts';

const CLUSTER = 'campaign';
const BUCKET = 'weir-faults';
/** Two nodes share a raw partition, as many do in a fleet. */
const NODES = 3;
const SINKS = 2;
const ENRICHERS = 2;
/** Longer than brokers are away and processes frozen; that of the node with a spool fills sooner. */
const RING = '1MiB';
const RING_SPOOLED = '128KiB';
/** It has a spool on disk for when the log is away. */
const SPOOLED_NODE = 3;
const execute = promisify(execFile);
const HOOK = new URL('./source-edits.ts', import.meta.url).href;
const weirProgram = fileURLToPath(new URL('../../../bin/weir', import.meta.url));

/** The harness' own client, whom no fault meets. */
export const HARNESS = 'campaign';

export interface WorldOptions {
  readonly seed: number;
  readonly brokers: 1 | 3;
  readonly edits: readonly SourceEdit[];
  readonly partitions: number;
}

export interface Node {
  readonly name: string;
  readonly cgroup: string;
  readonly traffic: Traffic;
  readonly sidecar: StageChild;
}

export class World {
  readonly random: SeededRandom;
  readonly tally: Tally = new Tally();
  readonly folder: string;
  readonly kafka: KafkaCluster;
  readonly proxies: readonly FaultProxy[];
  readonly s3: S3Server;
  /** One a sink, by its name. */
  readonly s3Proxies: Map<string, HttpFaultProxy> = new Map();
  readonly topics: TopicAdmin;
  readonly nodes: Node[] = [];
  readonly children: StageChild[] = [];
  /** How often retention took raw messages that the enrichers may not have read. */
  rawExpired = 0;
  /** Reasons of losses that faults so far explain. */
  readonly mayLose: Set<string> = new Set();
  readonly #env: Record<string, string>;
  readonly #seed: number;
  readonly #busy = new Set<string>();

  private constructor(
    options: WorldOptions,
    folder: string,
    kafka: KafkaCluster,
    proxies: readonly FaultProxy[],
    s3: S3Server,
  ) {
    this.random = new SeededRandom(options.seed);
    this.#seed = options.seed;
    this.folder = folder;
    this.kafka = kafka;
    this.proxies = proxies;
    this.s3 = s3;
    this.#env = {
      ...s3.environment,
      NODE_OPTIONS: `--disable-warning=ExperimentalWarning --import=${HOOK}`,
      [EDITS_VARIABLE]: join(folder, 'edits.json'),
      NODE_COMPILE_CACHE: join(folder, 'compile-cache'),
      WEIR_CLUSTER: CLUSTER,
      WEIR_TRANSPORT_KIND: 'kafka',
      WEIR_TRANSPORT_BROKERS: proxies.map(({ port }) => `127.0.0.1:${port}`).join(','),
      WEIR_TRANSPORT_PARTITIONS: String(options.partitions),
      WEIR_LAKE_REGION: s3.region,
      WEIR_LAKE_PATH_STYLE: 'true',
    };
    this.topics = new TopicAdmin(
      proxies.map(({ port }) => `127.0.0.1:${port}`),
      HARNESS,
    );
  }

  static async start(options: WorldOptions): Promise<World> {
    const folder = await mkdtemp(join(tmpdir(), 'weir-faults-'));
    await writeFile(join(folder, 'edits.json'), JSON.stringify(options.edits));
    const proxies = await Promise.all(
      Array.from({ length: options.brokers }, (_, index) => FaultProxy.start(options.seed * 10 + index)),
    );
    const advertisedPorts = proxies.map(({ port }) => port);
    const [kafka, s3] = await Promise.all([
      startKafka({ brokers: options.brokers, advertisedPorts }),
      startVersitygw(),
    ]);
    const world = new World(options, folder, kafka, proxies, s3);
    try {
      await world.#begin();
      return world;
    } catch (error) {
      await world.stop();
      throw error;
    }
  }

  async #begin(): Promise<void> {
    for (const [index, proxy] of this.proxies.entries()) {
      proxy.target = this.kafka.ports[index]?.plain ?? 0;
      proxy.exempt = HARNESS;
      proxy.onFault = (kind, client) => this.tally.add(`kafka ${kind}`, client.split('-')[0] ?? '');
    }
    await this.s3.makeBucket(BUCKET);
    await this.makeTopics();
    const bpffs = join(this.folder, 'bpffs');
    mkdirSync(bpffs);
    execFileSync('mount', ['-t', 'bpf', 'none', bpffs]);
    for (let index = 1; index <= ENRICHERS; index++) this.#enricher(`enricher-${index}`);
    for (let index = 1; index <= SINKS; index++) await this.#sink(`sink-${index}`);
    for (let node = 1; node <= NODES; node++) await this.#node(node, join(bpffs, `node-${node}`));
    for (const child of this.children) child.start();
    await Promise.all(this.children.map((child) => child.ready()));
  }

  /** The proxies', which the brokers tell everybody. */
  get brokerAddresses(): string[] {
    return this.proxies.map(({ port }) => `127.0.0.1:${port}`);
  }

  /** Object files as the server keeps them. */
  get lakeFolder(): string {
    return join(this.s3.home, 'data', BUCKET, 'lake');
  }

  of(kind: StageKind): readonly StageChild[] {
    return this.children.filter((child) => child.kind === kind);
  }

  /** One that works and that no other fault is at, then marked; null when there is none. */
  take(kind: StageKind): StageChild | null {
    const free = this.of(kind).filter(({ isTaken, isRunning }) => !isTaken && isRunning);
    const child = free[this.random.below(Math.max(1, free.length))] ?? null;
    if (child !== null) child.isTaken = true;
    return child;
  }

  /** Not while another fault is at the same server: then nothing happens. */
  async alone(server: string, work: () => Promise<void>): Promise<void> {
    if (this.#busy.has(server)) return;
    this.#busy.add(server);
    try {
      await work();
    } finally {
      this.#busy.delete(server);
    }
  }

  s3ProxyOf(sink: StageChild): HttpFaultProxy {
    return this.s3Proxies.get(sink.name)!;
  }

  /** At whichever broker it comes by; `pass` what is caught later elsewhere. */
  async hold(aim: Aim, isAnswer: boolean, withinMs: number): Promise<Held | null> {
    const { promise, resolve } = Promise.withResolvers<Held | null>();
    let isOver = false;
    const traps = this.proxies.map(async (proxy) => {
      const held = await proxy.hold(aim, isAnswer, withinMs);
      if (held === null) return;
      if (isOver) return held.pass();
      isOver = true;
      resolve(held);
    });
    void Promise.all(traps).then(() => resolve(null));
    return promise;
  }

  /** The PUT of that object by another sink, stopped; null when none came in time. */
  async successorPut(dead: StageChild, name: RegExp, withinMs: number): Promise<HeldRequest | null> {
    const others = [...this.s3Proxies].filter(([sink]) => sink !== dead.name).map(([, proxy]) => proxy);
    const { promise, resolve } = Promise.withResolvers<HeldRequest | null>();
    let isOver = false;
    const traps = others.map(async (proxy) => {
      const held = await proxy.hold('PUT', name, withinMs);
      if (held === null) return;
      if (isOver) {
        await held.release();
        return;
      }
      isOver = true;
      resolve(held);
    });
    void Promise.all(traps).then(() => resolve(null));
    return promise;
  }

  /** Another one of its kind, that `drop` takes away again. */
  async add(kind: 'enricher' | 'sink', name: string): Promise<StageChild> {
    const child = kind === 'sink' ? await this.#sink(name) : this.#enricher(name);
    child.isTaken = true;
    child.start();
    return child;
  }

  drop(child: StageChild): void {
    this.children.splice(this.children.indexOf(child), 1);
  }

  async makeTopics(partitions?: number): Promise<void> {
    const count = partitions === undefined ? {} : { WEIR_TRANSPORT_PARTITIONS: String(partitions) };
    for (let tries = 0; ; tries++) {
      const { status, output } = await this.weir(['topics', 'make'], count);
      if (status === 0) return;
      if (tries === 10) throw new Error(`the topics could not be made: ${output}`);
      await pause(500);
    }
  }

  /** A command of the same configuration, without faults. */
  async weir(args: readonly string[], env: Record<string, string> = {}): Promise<{ status: number; output: string }> {
    const all = { ...process.env, ...this.#env, WEIR_LAKE_ENDPOINT: this.s3.endpoint, [CLIENT_VARIABLE]: HARNESS };
    const lake = args[0] === 'verify' ? ['--data', `s3://${BUCKET}/lake`] : [];
    const options = { env: { ...all, ...env }, timeout: 120_000 };
    try {
      const { stdout } = await execute(process.execPath, [weirProgram, ...args, ...lake], options);
      return { status: 0, output: stdout };
    } catch (error) {
      const { code, stdout = '', stderr = '' } = error as { code?: number; stdout?: string; stderr?: string };
      return { status: code ?? -1, output: `${stdout}${stderr}` };
    }
  }

  /** What the children said, for whoever looks into a finding; the folder. */
  async keepOutput(): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'weir-faults-output-'));
    const names = (await readdir(this.folder)).filter((name) => name.endsWith('.log'));
    for (const name of names) await copyFile(join(this.folder, name), join(folder, name));
    return folder;
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) await node.traffic.stop();
    for (const child of this.children) await child.kill();
    await this.topics.close();
    await Promise.all([this.kafka.stop(), this.s3.stop()]);
    for (const proxy of this.s3Proxies.values()) await proxy.close();
    for (const proxy of this.proxies) await proxy.stop();
    // A process that ends still holds it: it goes with the last of them.
    execFileSync('umount', ['--lazy', join(this.folder, 'bpffs')]);
    await removeCgroups(this.nodes.map(({ cgroup }) => cgroup));
    await rm(this.folder, { recursive: true, force: true });
  }

  #child(spec: Omit<ChildSpec, 'output' | 'args'>): StageChild {
    const env = { ...this.#env, ...spec.env, WEIR_METRICS_LISTEN: 'off', [CLIENT_VARIABLE]: spec.name };
    const child = new StageChild({ ...spec, args: [], env, output: join(this.folder, `${spec.name}.log`) });
    this.children.push(child);
    return child;
  }

  #enricher(name: string): StageChild {
    return this.#child({ kind: 'enricher', name, env: { WEIR_ENRICHER_HOLD: '1s', WEIR_ENRICHER_WORKERS: '1' } });
  }

  async #sink(name: string): Promise<StageChild> {
    const target = this.s3.endpoint;
    const seed = this.#seed + this.s3Proxies.size;
    const proxy = await HttpFaultProxy.start({ target, seed, slowMs: ANSWER_MS + 500, lateMs: 2 * ANSWER_MS });
    proxy.onFault = (kind) => this.tally.add(`s3 ${kind}`, 'sink');
    this.s3Proxies.set(name, proxy);
    const lake = { WEIR_LAKE_URI: `s3://${BUCKET}/lake`, WEIR_LAKE_ENDPOINT: proxy.endpoint };
    const cache = join(this.folder, `cache-${name}`);
    await mkdir(cache, { recursive: true });
    return this.#child({ kind: 'sink', name, env: { ...lake, WEIR_LAKE_CACHE: cache, WEIR_LAKE_FLUSH_AGE: '1s' } });
  }

  #spool(): Readonly<Record<string, string>> {
    return { WEIR_SIDECAR_RING_BYTES: RING_SPOOLED, WEIR_SIDECAR_SPOOL: join(this.folder, 'spool') };
  }

  async #node(index: number, pin: string): Promise<void> {
    const name = nodeName(index);
    const cgroup = `${mountHere('cgroup2')}/weir-faults-${name}`;
    mkdirSync(cgroup);
    const traffic = new Traffic(index, cgroup);
    await traffic.ready();
    const sidecar = this.#child({
      kind: 'sidecar',
      name: `sidecar-${index}`,
      env: {
        WEIR_SIDECAR_NODE: name,
        WEIR_SIDECAR_CGROUP: cgroup,
        WEIR_SIDECAR_PIN: pin,
        ...(index === SPOOLED_NODE ? this.#spool() : { WEIR_SIDECAR_RING_BYTES: RING }),
        WEIR_SIDECAR_BATCH_AGE: '200ms',
        WEIR_SIDECAR_BATCH_FLOWS: '50',
        WEIR_SIDECAR_INTERVAL: '1h',
        WEIR_SIDECAR_HEARTBEAT: '1s',
      },
    });
    this.nodes.push({ name, cgroup, traffic, sidecar });
  }
}

/** Nodes 1 and 2 share partition 0 of two, node 3 has the other. */
function nodeName(index: number): string {
  for (let turn = 0; ; turn++) {
    const name = `${process.pid}-node-${index}-${turn}`;
    if (partitionOf(`${CLUSTER}/${name}`, 2) === (index === 3 ? 1 : 0)) return name;
  }
}

/** Processes leave a cgroup a moment after they ended. */
async function removeCgroups(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    for (let tries = 0; ; tries++) {
      try {
        rmdirSync(path);
        break;
      } catch (error) {
        if (tries === 100) throw error;
        await pause(20);
      }
    }
  }
}
