/** A watcher of a real API server, through a proxy that can be cut, and the history that its messages make. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../contract/clock.ts';
import { type Logger, silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import type { Stage } from '../../contract/stage.ts';
import { OwnershipHistory } from '../../enricher/ownership/history.ts';
import { OwnershipKind } from '../../schemas/generated/common.ts';
import { decodeOwnershipMessage, type OwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import type { Offset } from '../../transport/log.ts';
import { startWatcher } from '../../watcher/run.ts';
import { ask, CLUSTER, holdAgainst, NETWORK, type Truth } from '../fixtures/kube/owner-question.ts';
import { writeRecording } from '../fixtures/kube/replay.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';
import type { KubeServer } from '../servers/kube.ts';
import { RecordingProxy } from './recording-proxy.ts';

export const HEARTBEAT_MS = 1000;
const TOPIC = 'ownership';

export interface LogLine {
  readonly event: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class Watched {
  readonly proxy: RecordingProxy;
  readonly log: LogLine[] = [];
  readonly truths: Truth[] = [];
  readonly #broker = new MemoryBroker();
  readonly #stages = new Map<string, Stage>();
  #kubeconfig = '';

  private constructor(proxy: RecordingProxy) {
    this.proxy = proxy;
    this.#broker.ensure([
      { name: TOPIC, partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1024 * 1024 },
    ]);
  }

  static async start(server: KubeServer, token: string): Promise<Watched> {
    const watched = new Watched(await RecordingProxy.start(server.url));
    watched.#kubeconfig = await server.kubeconfig(token, watched.proxy.url);
    await watched.startWatcher('watcher');
    return watched;
  }

  async startWatcher(name: string): Promise<void> {
    const note = (fields: LogLine['fields'], event: string): void => void this.log.push({ event, fields });
    const logger: Logger = { ...silentLogger, info: note, warn: note, error: note };
    const stage = await startWatcher({
      log: this.#broker.client(),
      clock: systemClock,
      logger,
      meter: silentMeter,
      cluster: CLUSTER,
      network: NETWORK,
      name,
      kubeconfig: this.#kubeconfig,
      labels: ['app'],
      ownershipTopic: TOPIC,
      heartbeatMs: HEARTBEAT_MS,
    });
    this.#stages.set(name, stage);
  }

  async stopWatcher(name: string): Promise<void> {
    await this.#stages.get(name)?.stop();
    this.#stages.delete(name);
  }

  messages(): OwnershipMessage[] {
    return this.#broker.messages(TOPIC, 0).map(({ value }) => decodeOwnershipMessage(value));
  }

  /** Up to when every running watcher has told all, ms; 0 before the first message. */
  asOfMs(): number {
    const newest = new Map([...this.#stages.keys()].map((name) => [name, 0]));
    for (const { reporter, asOfUs } of this.messages()) if (newest.has(reporter)) newest.set(reporter, asOfUs / 1000);
    return Math.min(...newest.values());
  }

  /** What an enricher knows now. */
  history(): OwnershipHistory {
    const history = new OwnershipHistory();
    for (const { value, appendMs, offset } of this.#broker.messages(TOPIC, 0)) {
      const { fault } = history.applyBytes(value, appendMs);
      assert.equal(fault, null, `ownership message ${offset satisfies Offset}`);
    }
    return history;
  }

  /** Until the watcher vouches for everything up to now. */
  async settled(): Promise<OwnershipHistory> {
    await this.settledUpTo(Date.now());
    return this.history();
  }

  async settledUpTo(ms: number): Promise<void> {
    await until(
      () => this.asOfMs() > ms,
      30_000,
      () => `the watcher is behind: ${JSON.stringify(this.log.slice(-3))}`,
    );
  }

  /** What was true now: asked of the join at the end, when all is known. */
  note(what: string, address: string, port: number, owner: string | null, more: Partial<Truth> = {}): void {
    this.truths.push({ what, address, port, atMs: Date.now(), owner, ...more });
  }

  /** Every truth that was noted, now that the watcher is past it. */
  async holdAll(): Promise<void> {
    const history = await this.settled();
    for (const truth of this.truths) holdAgainst(history, truth);
  }

  /** Claims that were said to have ended. */
  endings(): number {
    let count = 0;
    for (const { claims, kind } of this.messages()) {
      if (kind === OwnershipKind.goodbye) count += 1;
      for (let i = 0; i < claims.length; i += 1) if (claims.toUs[i]! >= 0) count += 1;
    }
    return count;
  }

  ownerNow(address: string, port = 80): string | null {
    return ask(this.history(), address, port, this.asOfMs() - 1).owner;
  }

  /** With WEIR_KUBE_RECORD=1 the streams become a fixture. */
  async close(recording?: string): Promise<void> {
    for (const name of this.#stages.keys()) await this.stopWatcher(name);
    await this.proxy.close();
    if (recording === undefined || process.env['WEIR_KUBE_RECORD'] !== '1') return;
    const file = join(import.meta.dirname, '..', 'fixtures', 'kube', `${recording}.jsonl`);
    await writeFile(file, writeRecording({ lines: this.proxy.lines, truths: this.truths }));
  }
}

export async function until(check: () => boolean, withinMs: number, otherwise: () => string): Promise<void> {
  for (let waitedMs = 0; !check(); waitedMs += 50) {
    if (waitedMs >= withinMs) assert.fail(otherwise());
    await pause(50);
  }
}
