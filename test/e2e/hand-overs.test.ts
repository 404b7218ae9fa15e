/**
 * Real sockets: under load an address goes from workload to workload, on two nodes, every 1.2 s. What the client's own
 * kernel and program know is the truth; nobody is named wrongly. WEIR_HAND_OVERS sets how often (8 by default); a
 * minute of it: npm run soak -- hand-overs.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import type { Stage } from '../../contract/stage.ts';
import { HISTORY_DEFAULTS } from '../../enricher/ownership/history.ts';
import { startEnricher } from '../../enricher/run.ts';
import { REASON_SYMBOLS, Reporter } from '../../schemas/generated/common.ts';
import { decodeEnrichedBatch } from '../../schemas/generated/flows-enriched-v1.ts';
import { decodeRawBatch } from '../../schemas/generated/flows-raw-v1.ts';
import { openBpfSource } from '../../sidecar/flow-source-bpf.ts';
import { openProcHost } from '../../sidecar/host/proc-host.ts';
import { startSidecar } from '../../sidecar/run.ts';
import { TOPICS } from '../../transport/log.ts';
import { Fleet, type Running } from '../bpf/harness.ts';
import { currentOwners } from '../fixtures/current-owner.ts';
import { address } from '../fixtures/enricher-messages.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';

const HAND_OVERS = Number(process.env['WEIR_HAND_OVERS'] ?? 8);
const EVERY_MS = 1200;
const SCAN_MS = 100;
const ADDRESS = '10.250.9.9';
const SERVERS = 4;
const PORT = 80;
const CLUSTER = 'test';

const SERVER = `require('net').createServer((s) => { s.on('error', () => {}); s.end(process.argv[1]); })
  .listen(${PORT}, '0.0.0.0', () => process.stdout.write('ready\\n'));`;
/** Six at a time, one after the other; each tells which port it had, who answered, and when. */
const CLIENT = `const net = require('net'); let left = false; process.stdin.on('data', () => { left = true; process.stdin.pause(); });
  const go = () => { if (left) return; const from = Date.now(); let who = ''; let port = 0;
    const s = net.connect(${PORT}, '${ADDRESS}'); s.setTimeout(400, () => s.destroy());
    s.on('connect', () => { port = s.localPort; }); s.on('data', (d) => { who += d; }); s.on('error', () => {});
    s.on('close', () => { process.stdout.write(JSON.stringify({ port, who, from, to: Date.now() }) + '\\n'); setTimeout(go, 15); }); };
  for (let i = 0; i < 6; i++) setTimeout(go, 3 * i);`;

/** One connection as the client's program saw it; `who` is empty where nobody answered. */
interface Seen {
  readonly port: number;
  readonly who: string;
  readonly from: number;
  readonly to: number;
}

interface Holder {
  readonly name: string;
  readonly fromMs: number;
  toMs: number;
}

/** Two nodes, each a cgroup of its own; their namespaces hang on one bridge. */
class Scene {
  readonly nodes: readonly Fleet[] = [new Fleet(), new Fleet()];
  readonly broker: MemoryBroker = new MemoryBroker();
  readonly holders: Holder[] = [];
  readonly #hub: string;
  readonly #namespaces: string[] = [];
  readonly #client: string;
  #stages: Stage[] = [];

  constructor() {
    this.#hub = this.nodes[0]!.namespace('hub');
    this.nodes[0]!.ip(this.#hub, 'link', 'add', 'br0', 'type', 'bridge');
    this.nodes[0]!.ip(this.#hub, 'link', 'set', 'br0', 'up');
    for (let i = 0; i < SERVERS; i += 1) this.#namespaces.push(this.#join(this.#nodeOf(i), `s${i}`, 10 + i));
    this.#client = this.#join(this.nodes[1]!, 'client', 9);
  }

  #nodeOf(server: number): Fleet {
    return this.nodes[server % 2]!;
  }

  #join(node: Fleet, label: string, host: number): string {
    const namespace = node.namespace(label);
    const link = ['link', 'add', 'eth0', 'netns', namespace, 'type', 'veth', 'peer', 'name', `p${host}`];
    execFileSync('ip', [...link, 'netns', this.#hub]);
    node.ip(this.#hub, 'link', 'set', `p${host}`, 'master', 'br0');
    node.ip(this.#hub, 'link', 'set', `p${host}`, 'up');
    node.ip(namespace, 'addr', 'add', `10.250.0.${host}/16`, 'dev', 'eth0');
    node.ip(namespace, 'link', 'set', 'eth0', 'up');
    return namespace;
  }

  async serve(): Promise<void> {
    const servers = this.#namespaces.map((namespace, i) => {
      const node = this.#nodeOf(i);
      return node.spawnIn(node.workload(`server-${i}`), namespace, process.execPath, '-e', SERVER, `server-${i}`);
    });
    await Promise.all(servers.map((server) => server.saw(/ready/)));
  }

  startClient(): Running {
    const node = this.nodes[1]!;
    return node.spawnIn(node.workload('client'), this.#client, process.execPath, '-e', CLIENT);
  }

  async start(): Promise<void> {
    const limits = { retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 22 };
    this.broker.ensure(Object.values(TOPICS).map((name) => ({ name, partitions: 1, ...limits })));
    const log = this.broker.client();
    const common = { log, clock: systemClock, logger: silentLogger, meter: silentMeter };
    for (const [i, { cgroupPath }] of this.nodes.entries()) {
      const named = { cluster: CLUSTER, network: CLUSTER, node: `node-${i}` };
      const source = openBpfSource({ cgroupPath, ringBytes: 1 << 20, onHookMissing: () => undefined });
      const host = openProcHost({ ...named, cgroupPath, logger: silentLogger });
      const pace = { batchFlows: 1000, batchAgeMs: 200, intervalMs: 1000, heartbeatMs: 500, ringPollMs: 20 };
      const topics = { rawTopic: TOPICS.raw, ownershipTopic: TOPICS.ownership };
      this.#stages.push(await startSidecar({ ...common, ...named, ...pace, ...topics, source, host, scanMs: SCAN_MS }));
    }
    const enricher = await startEnricher({
      ...{ ...common, workers: 1, holdMs: 15_000, group: 'test', history: { ...HISTORY_DEFAULTS, clockSkewMs: 10 } },
      ...{ ownershipTopic: TOPICS.ownership, rawTopic: TOPICS.raw, enrichedTopic: TOPICS.enriched },
      deadLetterTopic: TOPICS.deadLetters,
    });
    this.#stages.push(enricher);
  }

  /** To the next workload, on the other node; `idleMs`: nobody has it meanwhile. */
  async handOver(idleMs: number): Promise<void> {
    const last = this.holders.at(-1);
    if (last !== undefined) {
      last.toMs = Date.now();
      const before = (this.holders.length - 1) % SERVERS;
      this.#nodeOf(before).ip(this.#namespaces[before]!, 'addr', 'del', `${ADDRESS}/16`, 'dev', 'eth0');
      await sleep(idleMs);
    }
    const next = this.holders.length % SERVERS;
    const fromMs = Date.now();
    this.#nodeOf(next).ip(this.#namespaces[next]!, 'addr', 'add', `${ADDRESS}/16`, 'dev', 'eth0');
    // What a gratuitous ARP does in a real network.
    this.nodes[1]!.ip(this.#client, 'neigh', 'flush', 'to', ADDRESS);
    this.holders.push({ name: `server-${next}`, fromMs, toMs: Number.POSITIVE_INFINITY });
  }

  /** Until everything captured is joined. */
  async through(): Promise<void> {
    const rows = (): number =>
      this.broker.messages(TOPICS.raw, 0).reduce((sum, { value }) => sum + decodeRawBatch(value).flows.length, 0);
    const joined = (): number =>
      this.broker
        .messages(TOPICS.enriched, 0)
        .reduce((sum, { value }) => sum + decodeEnrichedBatch(value).flows.length, 0);
    const deadline = Date.now() + 30_000;
    await sleep(1500);
    while (joined() < rows()) {
      assert.ok(Date.now() < deadline, `${joined()} of ${rows()} rows are joined`);
      await sleep(100);
    }
  }

  async remove(): Promise<void> {
    for (const stage of this.#stages) await stage.stop();
    for (const node of this.nodes) await node.remove();
  }
}

interface Row {
  readonly isClients: boolean;
  readonly port: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly dst: string | null;
  readonly src: string | null;
  readonly reason: string;
}

function rowsOf(broker: MemoryBroker): Row[] {
  const wanted = Buffer.from(address(ADDRESS)).toString('hex');
  return broker.messages(TOPICS.enriched, 0).flatMap(({ value }) => {
    const { flows, workloads } = decodeEnrichedBatch(value);
    return Array.from({ length: flows.length }, (_, i) => i)
      .filter((i) => Buffer.from(flows.dstAddr.subarray(16 * i, 16 * i + 16)).toString('hex') === wanted)
      .map((i) => ({
        isClients: flows.reporter[i] === Reporter.src,
        port: flows.srcPort[i] ?? 0,
        startMs: (flows.startUs[i] ?? 0) / 1000,
        endMs: (flows.endUs[i] ?? 0) / 1000,
        src: workloads[flows.srcWorkload[i] ?? -1]?.name ?? null,
        dst: workloads[flows.dstWorkload[i] ?? -1]?.name ?? null,
        reason: REASON_SYMBOLS[flows.dstReason[i] ?? 0] ?? '',
      }));
  });
}

const scene = new Scene();
after(() => scene.remove());

test(`an address that is handed on ${HAND_OVERS} times under load is never said to be another’s`, async (t) => {
  await scene.handOver(0);
  await scene.serve();
  await scene.start();
  await sleep(600);
  const client = scene.startClient();
  const began = Date.now();
  for (let i = 1; i <= HAND_OVERS; i += 1) {
    await sleep(Math.max(0, began + i * EVERY_MS - Date.now()));
    await scene.handOver([0, 20, 150, 400][i % 4]!);
  }
  await sleep(EVERY_MS);
  client.child.stdin.end('\n');
  await client.ended;
  await scene.through();

  const seen = client
    .output()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Seen);
  const byPort = Map.groupBy(seen, ({ port }) => port);
  const truthOf = ({ port, startMs }: Row): Seen | undefined =>
    byPort.get(port)?.find(({ from, to }) => startMs >= from - 5 && startMs <= to + 5);
  const rows = rowsOf(scene.broker);
  const accepted = Map.groupBy(
    rows.filter(({ isClients }) => !isClients),
    ({ port }) => port,
  );
  /** Who answered; where nobody did, who accepted by its own kernel's word, or had the address. */
  const mayBe = (row: Row, truth: Seen | undefined): (string | null)[] => {
    if (truth !== undefined && truth.who !== '') return [truth.who];
    // A server's socket that its client left behind when the address went: its own kernel knows whose it is.
    if (!row.isClients) return [row.dst];
    const by = (accepted.get(row.port) ?? []).filter(
      ({ startMs, endMs }) => startMs <= row.endMs && row.startMs <= endMs,
    );
    const had = scene.holders.filter(({ fromMs, toMs }) => fromMs <= row.startMs + 5 && row.startMs - 5 <= toMs);
    return [...by.map(({ dst }) => dst), ...had.map(({ name }) => name)];
  };
  const owners = currentOwners(scene.broker.messages(TOPICS.ownership, 0).map(({ value }) => value));
  const now = owners.ownerOf(CLUSTER, address(ADDRESS), PORT)?.name;
  const reasons = new Map<string, number>();
  const wrong: string[] = [];
  let [answered, named, wrongNow, exact] = [0, 0, 0, 0];
  for (const row of rows) {
    const truth = truthOf(row);
    if (row.src !== null && row.src !== 'client') wrong.push(JSON.stringify({ row, truth }));
    const isWrong = row.dst !== null && !mayBe(row, truth).includes(row.dst);
    if (isWrong) wrong.push(JSON.stringify({ row, truth }));
    if (row.isClients && truth?.who) {
      answered += 1;
      if (row.dst === null) reasons.set(row.reason, (reasons.get(row.reason) ?? 0) + 1);
      else named += 1;
      if (now !== truth.who) wrongNow += 1;
    }
    if (!row.isClients && truth?.who === row.dst) exact += 1;
  }
  assert.deepEqual(wrong, []);
  const unnamed = [...reasons].map(([reason, n]) => `${reason} ${n}`).join(', ');
  t.diagnostic(`${rows.length} rows; of ${answered} answered, ${named} named by the client's row (${unnamed}),`);
  t.diagnostic(`${exact} by the server's; the current owner would be wrong for ${wrongNow}`);
  assert.ok(answered > 20 * HAND_OVERS, `${answered} answered`);
  assert.ok(named > answered / 2, `${named} of ${answered} named`);
  assert.ok(exact >= 0.99 * answered, `the server's own rows name ${exact} of ${answered}`);
  assert.ok(wrongNow > answered / 3, `${wrongNow} wrong by the current owner`);
});
