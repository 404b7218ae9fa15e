/**
 * A node that translates, with two backends, a client and an outside behind it: namespaces, nftables rules, programs that
 * know what they called, and Weir in the node's namespace.
 */
import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openLake } from '../../explore/lake.ts';
import { queryAll } from '../../explore/query.ts';
import { readFolderStore } from '../../sink/store/folder.ts';
import { Fleet, follow, type Running } from '../bpf/harness.ts';
import type { NatCounters } from '../fixtures/nat-node.ts';
import type { Call } from '../fixtures/nat-traffic.ts';
import { readLakeTable } from '../fixtures/read-lake.ts';

export type Row = Readonly<Record<string, unknown>>;

const FIXTURES = join(import.meta.dirname, '..', 'fixtures');
const NODE_ARGS = ['--disable-warning=ExperimentalWarning'];
/** Ends by their number: 10.250.N.2 and fd00:250:N::2, the node is .1 and ::1. */
const ENDS = { client: 0, 'backend-a': 1, 'backend-b': 2, outside: 9 } as const;
export type End = keyof typeof ENDS;
export const VIP: { readonly v4: string; readonly v6: string } = { v4: '10.96.0.10', v6: 'fd00:96::10' };
export const EGRESS: { readonly v4: string; readonly v6: string } = { v4: '10.96.0.20', v6: 'fd00:96::20' };
const PORT = 8080;
const OUTSIDE_PORT = 9090;
export const v4 = (end: End): string => `10.250.${ENDS[end]}.2`;
export const v6 = (end: End): string => `fd00:250:${ENDS[end]}::2`;

const RULES = `
table ip nat {
  chain pre { type nat hook prerouting priority dstnat;
    ip daddr ${VIP.v4} tcp dport 80 dnat ip to numgen inc mod 2 map { 0 : ${v4('backend-a')} . ${PORT}, 1 : ${v4('backend-b')} . ${PORT} }
    ip daddr ${EGRESS.v4} tcp dport 80 dnat to ${v4('outside')}:${OUTSIDE_PORT}
  }
  chain post { type nat hook postrouting priority srcnat; ip saddr 10.250.0.2 oifname "outside" masquerade
  }
}
table ip6 nat {
  chain pre { type nat hook prerouting priority dstnat;
    ip6 daddr ${VIP.v6} tcp dport 80 dnat ip6 to numgen inc mod 2 map { 0 : ${v6('backend-a')} . ${PORT}, 1 : ${v6('backend-b')} . ${PORT} }
    ip6 daddr ${EGRESS.v6} tcp dport 80 dnat to [${v6('outside')}]:${OUTSIDE_PORT}
  }
  chain post { type nat hook postrouting priority srcnat; ip6 saddr ${v6('client')} oifname "outside" masquerade
  }
}
`;

export type Target = 'v4' | 'v6' | 'egress4' | 'egress6' | 'direct' | 'plain';

/** Programs of the client, by what they call. */
export const TARGETS: Readonly<Record<Target, readonly [string, string]>> = {
  v4: [VIP.v4, '80'],
  v6: [VIP.v6, '80'],
  egress4: [EGRESS.v4, '80'],
  egress6: [EGRESS.v6, '80'],
  direct: [v4('backend-a'), String(PORT)],
  plain: [v4('outside'), String(OUTSIDE_PORT)],
};
/** Where each target's connections end, and which Service they asked for. */
export const SERVICE: Readonly<Record<Target, string | null>> = {
  v4: 'web',
  v6: 'web',
  egress4: 'egress',
  egress6: 'egress',
  direct: null,
  plain: null,
};

const run = (node: string, ...command: string[]): string =>
  execFileSync('ip', ['netns', 'exec', node, ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

/** One veth from the node to each end; the node forwards. */
function build(fleet: Fleet, node: string): Record<End, { namespace: string; cgroup: string }> {
  const made = {} as Record<End, { namespace: string; cgroup: string }>;
  for (const [end, number] of Object.entries(ENDS) as [End, number][]) {
    const namespace = fleet.namespace(end);
    made[end] = { namespace, cgroup: fleet.workload(end) };
    fleet.ip(node, 'link', 'add', end, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
    for (const [where, device, host] of [
      [node, end, 1],
      [namespace, 'eth0', 2],
    ] as const) {
      fleet.ip(where, 'addr', 'add', `10.250.${number}.${host}/24`, 'dev', device);
      fleet.ip(where, 'addr', 'add', `fd00:250:${number}::${host}/64`, 'dev', device, 'nodad');
      fleet.ip(where, 'link', 'set', device, 'up');
    }
    fleet.ip(namespace, 'route', 'add', 'default', 'via', `10.250.${number}.1`);
    fleet.ip(namespace, '-6', 'route', 'add', 'default', 'via', `fd00:250:${number}::1`);
  }
  run(node, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding');
  return made;
}

class Client {
  readonly running: Running;
  #read = 0;

  constructor(running: Running) {
    this.running = running;
  }

  /** COUNT FIRST_PORT PAUSE_MS HOLD_MS of nat-traffic. */
  async call(line: string): Promise<Call[]> {
    const { running } = this;
    const dones = (): number => running.output().split('done\n').length;
    const before_ = dones();
    running.child.stdin.write(`${line}\n`);
    while (dones() === before_) await delay(5);
    const lines = running
      .output()
      .split('\n')
      .filter((text) => text.startsWith('{'));
    const fresh = lines.slice(this.#read);
    this.#read = lines.length;
    return fresh.map((text) => JSON.parse(text) as Call);
  }
}

export interface Lake {
  readonly flows: readonly Row[];
  readonly connections: readonly Row[];
}

export class NatWorld {
  readonly fleet: Fleet = new Fleet();
  readonly #node = this.fleet.namespace('node');
  readonly #lake = join(this.fleet.folder, 'lake');
  #weir: Running | null = null;
  #clients = {} as Record<Target, Client>;

  /** One sidecar for all, in the node's namespace; or one for each end, of which only the client's is the node's. */
  async start(sidecars: 'one' | 'each'): Promise<void> {
    const { fleet } = this;
    const ends = build(fleet, this.#node);
    const agent = fleet.workload('agent');
    const each = Object.entries(ends).map(([end, { cgroup }]) => ({
      node: end,
      cgroup,
      translations: end === 'client',
    }));
    const watched =
      sidecars === 'one'
        ? [{ node: 'n1', cgroup: fleet.cgroupPath, translations: true }]
        : [...each, { node: 'agent', cgroup: agent, translations: false }];
    const services = { web: [VIP.v4, VIP.v6], egress: [EGRESS.v4, EGRESS.v6] };
    const script = join(FIXTURES, 'nat-node.ts');
    const program = [...NODE_ARGS, script, JSON.stringify(watched), this.#lake, JSON.stringify(services)];
    // Not `ip netns exec`, which hides the cgroups behind a /sys of its own.
    this.#weir = follow(spawn('nsenter', [`--net=/run/netns/${this.#node}`, process.execPath, ...program]));
    const traffic = (cgroup: string, namespace: string, ...args: readonly string[]): Running =>
      fleet.spawnIn(cgroup, namespace, process.execPath, ...NODE_ARGS, join(FIXTURES, 'nat-traffic.ts'), ...args);
    const serve = (end: End, port: number): Running =>
      traffic(ends[end].cgroup, ends[end].namespace, 'serve', end, String(port));
    const servers = [serve('backend-a', PORT), serve('backend-b', PORT), serve('outside', OUTSIDE_PORT)];
    // A program of the node itself, whom nobody may take for the one behind a translated address.
    servers.push(traffic(agent, this.#node, 'serve', 'agent', '9100'));
    const { cgroup, namespace } = ends.client;
    this.#clients = Object.fromEntries(
      Object.entries(TARGETS).map(([name, target]) => [
        name,
        new Client(traffic(cgroup, namespace, 'call', ...target)),
      ]),
    ) as Record<Target, Client>;
    const callers = Object.values(this.#clients).map(({ running }) => running);
    await Promise.all([this.#weir, ...servers, ...callers].map((running) => running.saw(/ready/)));
  }

  /** COUNT FIRST_PORT PAUSE_MS HOLD_MS of nat-traffic. */
  call(target: Target, line: string): Promise<Call[]> {
    return this.#clients[target].call(line);
  }

  /** From here on addresses are translated, and followed a moment later. */
  async translate(): Promise<void> {
    execFileSync('ip', ['netns', 'exec', this.#node, 'nft', '-f', '-'], { input: RULES });
    await delay(1300);
  }

  emptyTable(): void {
    run(this.#node, 'conntrack', '-F');
  }

  async counters(): Promise<NatCounters> {
    const weir = this.#weir!;
    const lines = weir.output().split('\n').length;
    weir.child.stdin.write('counters\n');
    while (weir.output().split('\n').length === lines) await delay(5);
    return this.#told();
  }

  /** Everything is in the lake. */
  async finish(): Promise<Lake & { readonly counters: NatCounters }> {
    const weir = this.#weir!;
    weir.child.stdin.end();
    await weir.ended;
    for (const { running } of Object.values(this.#clients)) running.child.stdin.end();
    const flows = (await readLakeTable(this.#lake, 'flows')).flatMap((file) => file.rows);
    const opened = await openLake({ store: readFolderStore(this.#lake) });
    const connections = await queryAll(opened, 'SELECT * FROM connections');
    opened.close();
    return { flows, connections, counters: this.#told() };
  }

  async remove(): Promise<void> {
    this.#weir?.child.kill('SIGKILL');
    await this.fleet.remove();
  }

  #told(): NatCounters {
    return JSON.parse(this.#weir!.output().trim().split('\n').at(-1) ?? '') as NatCounters;
  }
}
