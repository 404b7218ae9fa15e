/**
 * What the capture tests share: a cgroup and network namespaces of their own, programs that run in them, and the records
 * of a source read whole. Only sockets of the test's cgroup are captured, so that every count is exact.
 */
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FLOW_RECORD, LISTEN_RECORD } from '../../schemas/generated/record-offsets.ts';
import type { FlowSource } from '../../sidecar/flow-source.ts';
import { resolveCgroup } from '../../sidecar/capture-host.ts';

export const MAX_READ_BYTES: number = 1 << 20;

export interface FlowSeen {
  readonly endNs: bigint;
  readonly startNs: bigint;
  readonly openedNs: bigint;
  readonly cookie: bigint;
  readonly cgroupId: bigint;
  readonly netns: number;
  readonly pid: number;
  readonly uid: number;
  readonly interimCount: number;
  readonly comm: string;
  readonly localAddr: string;
  readonly remoteAddr: string;
  readonly localPort: number;
  readonly remotePort: number;
  readonly family: number;
  readonly kind: number;
  readonly role: number;
  readonly oldState: number;
  readonly error: number;
  readonly flags: number;
  readonly sent: number;
  readonly received: number;
  readonly unsent: number;
  readonly segmentsSent: number;
  readonly segmentsReceived: number;
  readonly retransmittedSegments: number;
  readonly rtoTimeouts: number;
  readonly connectUs: number;
}

export interface ListenSeen {
  readonly netns: number;
  readonly pid: number;
  readonly port: number;
  readonly family: number;
  readonly comm: string;
  readonly cgroupId: bigint;
}

const text = (bytes: Buffer): string => bytes.toString('latin1').replace(/\0.*$/s, '');

function flowAt(b: Buffer): FlowSeen {
  const at = FLOW_RECORD;
  return {
    endNs: b.readBigUInt64LE(at.endNs),
    startNs: b.readBigUInt64LE(at.startNs),
    openedNs: b.readBigUInt64LE(at.openedNs),
    cookie: b.readBigUInt64LE(at.cookie),
    cgroupId: b.readBigUInt64LE(at.cgroupId),
    netns: b.readUInt32LE(at.netns),
    pid: b.readUInt32LE(at.pid),
    uid: b.readUInt32LE(at.uid),
    interimCount: b.readUInt32LE(at.interimCount),
    comm: text(b.subarray(at.comm, at.comm + 16)),
    localAddr: b.toString('hex', at.localAddr, at.localAddr + 16),
    remoteAddr: b.toString('hex', at.remoteAddr, at.remoteAddr + 16),
    localPort: b.readUInt16LE(at.localPort),
    remotePort: b.readUInt16LE(at.remotePort),
    family: b.readUInt8(at.family),
    kind: b.readUInt8(at.kind),
    role: b.readUInt8(at.role),
    oldState: b.readUInt8(at.oldState),
    error: b.readUInt16LE(at.error),
    flags: b.readUInt16LE(at.flags),
    sent: Number(b.readBigUInt64LE(at.bytesSent)),
    received: Number(b.readBigUInt64LE(at.bytesReceived)),
    unsent: Number(b.readBigUInt64LE(at.unsentBytes)),
    segmentsSent: b.readUInt32LE(at.segmentsSent),
    segmentsReceived: b.readUInt32LE(at.segmentsReceived),
    retransmittedSegments: b.readUInt32LE(at.retransmittedSegments),
    rtoTimeouts: b.readUInt32LE(at.rtoTimeouts),
    connectUs: b.readUInt32LE(at.connectUs),
  };
}

function listenAt(b: Buffer): ListenSeen {
  const at = LISTEN_RECORD;
  return {
    netns: b.readUInt32LE(at.netns),
    pid: b.readUInt32LE(at.pid),
    port: b.readUInt16LE(at.port),
    family: b.readUInt8(at.family),
    comm: text(b.subarray(at.comm, at.comm + 16)),
    cgroupId: b.readBigUInt64LE(at.cgroupId),
  };
}

export interface Drained {
  readonly flows: readonly FlowSeen[];
  readonly listens: readonly ListenSeen[];
}

/** The records in the first `bytes` of a buffer that a source was read into. */
export function flowsIn(buffer: Buffer, bytes: number): Drained {
  const flows: FlowSeen[] = [];
  const listens: ListenSeen[] = [];
  for (let at = 0; at < bytes; ) {
    const length = buffer.readUInt32LE(at);
    const record = buffer.subarray(at + 8, at + 8 + length);
    if (length === FLOW_RECORD.bytes) flows.push(flowAt(record));
    else listens.push(listenAt(record));
    at += 8 + length;
  }
  return { flows, listens };
}

/** Everything that the ring holds, released at once. */
export function drain(source: FlowSource): Drained {
  const buffer = Buffer.alloc(MAX_READ_BYTES);
  const flows: FlowSeen[] = [];
  const listens: ListenSeen[] = [];
  for (;;) {
    const { bytes, position } = source.read(buffer);
    const seen = flowsIn(buffer, bytes);
    flows.push(...seen.flows);
    listens.push(...seen.listens);
    source.release(position);
    if (bytes === 0) return { flows, listens };
  }
}

/** Collects a source's records by a timer, as the sidecar does. */
export class Collector {
  readonly flows: FlowSeen[] = [];
  readonly listens: ListenSeen[] = [];
  readonly #source: FlowSource;
  readonly #timer: NodeJS.Timeout;

  constructor(source: FlowSource, everyMs = 50) {
    this.#source = source;
    this.#timer = setInterval(() => this.#take(), everyMs);
  }

  #take(): void {
    const seen = drain(this.#source);
    this.flows.push(...seen.flows);
    this.listens.push(...seen.listens);
  }

  /** Wait until `done` or the time is over, detach, and take the rest. */
  async finish(
    done: (flows: readonly FlowSeen[]) => boolean = () => true,
    timeoutMs = 5000,
  ): Promise<readonly FlowSeen[]> {
    for (const end = Date.now() + timeoutMs; Date.now() < end && !done(this.flows); ) await delay(20);
    clearInterval(this.#timer);
    await this.#source.detach();
    this.#take();
    return this.flows;
  }
}

/** A running program and its output so far. */
export interface Running {
  readonly child: ChildProcessWithoutNullStreams;
  readonly pid: number;
  output(): string;
  /** Resolves when the output holds `pattern`. */
  saw(pattern: RegExp): Promise<void>;
  /** Resolves at the end; rejects when the status is not 0. */
  readonly ended: Promise<void>;
}

const run = (command: string, ...args: string[]): string => execFileSync(command, args, { encoding: 'utf8' });

let serial = 0;

/** A cgroup and network namespaces that one test file owns. `remove` takes down what it made, and only that. */
export class Fleet {
  readonly name: string = `weir-test-${process.pid}-${serial++}`;
  readonly cgroupPath: string = join(resolveCgroup(), this.name);
  readonly folder: string = mkdtempSync(join(tmpdir(), 'weir-test-'));
  readonly #namespaces: string[] = [];
  readonly #workloads: string[] = [];
  readonly #running: Running[] = [];

  constructor() {
    mkdirSync(this.cgroupPath);
  }

  get cgroupId(): bigint {
    return statSync(this.cgroupPath, { bigint: true }).ino;
  }

  /** A cgroup below the fleet's, as the workload of that name; answers its path. */
  workload(name: string): string {
    const path = join(this.cgroupPath, name);
    mkdirSync(path);
    this.#workloads.push(path);
    return path;
  }

  /** Another network namespace, with loopback up. */
  namespace(label: string): string {
    const name = `${this.name}-${label}`;
    run('ip', 'netns', 'add', name);
    this.#namespaces.push(name);
    run('ip', '-n', name, 'link', 'set', 'lo', 'up');
    return name;
  }

  /** A wire between two namespaces: 10.250.0.1 and fd00:250::1 in the first, .2 and ::2 in the second. */
  connect(first: string, second: string): void {
    run('ip', 'link', 'add', 'wire', 'netns', first, 'type', 'veth', 'peer', 'name', 'wire', 'netns', second);
    [first, second].forEach((name, i) => {
      run('ip', '-n', name, 'addr', 'add', `10.250.0.${i + 1}/24`, 'dev', 'wire');
      run('ip', '-n', name, 'addr', 'add', `fd00:250::${i + 1}/64`, 'dev', 'wire', 'nodad');
      run('ip', '-n', name, 'link', 'set', 'wire', 'up');
    });
  }

  ip(namespace: string, ...args: string[]): void {
    run('ip', '-n', namespace, ...args);
  }

  /** Softirqs of this device arrive on every CPU, by interrupt, as they do from a network card. */
  crossCpuInterrupts(namespace: string, device: string): void {
    const mask = (
      (1 << Math.min(30, readdirSync('/sys/devices/system/cpu').filter((n) => /^cpu\d+$/.test(n)).length)) -
      1
    ).toString(16);
    run('ip', 'netns', 'exec', namespace, 'sh', '-c', `echo ${mask} > /sys/class/net/${device}/queues/rx-0/rps_cpus`);
  }

  netnsInode(namespace: string): number {
    return statSync(`/run/netns/${namespace}`).ino;
  }

  /** Compile a C program of test/fixtures. */
  compile(name: string): string {
    const out = join(this.folder, name);
    run('gcc', '-O2', '-Wall', '-Werror', join(import.meta.dirname, '..', 'fixtures', `${name}.c`), '-o', out);
    return out;
  }

  /** Run a program in the fleet's cgroup and a namespace of it; its pid is the program's own. */
  spawn(namespace: string, command: string, ...args: string[]): Running {
    return this.spawnIn(this.cgroupPath, namespace, command, ...args);
  }

  /** The same in another cgroup: one of `workload`. */
  spawnIn(cgroupPath: string, namespace: string, command: string, ...args: string[]): Running {
    const script = 'echo $$ > "$0/cgroup.procs" && exec ip netns exec "$@"';
    const child = spawn('sh', ['-c', script, cgroupPath, namespace, command, ...args]);
    const running = follow(child);
    this.#running.push(running);
    return running;
  }

  async remove(): Promise<void> {
    for (const { child } of this.#running) if (child.exitCode === null) child.kill('SIGKILL');
    await Promise.allSettled(this.#running.map((running) => running.ended));
    for (const name of this.#namespaces) run('ip', 'netns', 'del', name);
    for (const path of [...this.#workloads, this.cgroupPath]) {
      // A killed process's children (fork servers) leave the cgroup a moment later.
      for (let tries = 0; tries < 100 && readFileSync(join(path, 'cgroup.procs'), 'utf8') !== ''; tries++)
        await delay(20);
      rmdirSync(path);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Watch a child's output and end. */
export function follow(child: ChildProcessWithoutNullStreams): Running {
  let out = '';
  let errors = '';
  const watchers: (() => void)[] = [];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
    for (const check of watchers) check();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.on('close', (status) => {
      if (status === 0) resolve();
      else reject(new Error(`${child.spawnargs.join(' ')} ended with ${status}: ${errors}`));
    });
  });
  ended.catch(() => undefined); // whoever awaits it sees the failure; a program that remove() kills has nobody
  return {
    child,
    pid: child.pid ?? 0,
    output: () => out,
    saw: (pattern) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          if (pattern.test(out)) resolve();
        };
        watchers.push(check);
        check();
        child.on('close', () => reject(new Error(`it ended before it said ${pattern}: ${out}${errors}`)));
      }),
    ended,
  };
}
