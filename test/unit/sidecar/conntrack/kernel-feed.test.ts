import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Logger, silentLogger } from '../../../../contract/log.ts';
import { MeterRegistry } from '../../../../contract/meter-registry.ts';
import { KernelFeed, type NamespaceFiles } from '../../../../sidecar/conntrack/kernel-feed.ts';
import {
  type ConntrackAddon,
  type ConntrackHandle,
  loadConntrack,
} from '../../../../sidecar/conntrack/native-conntrack.ts';
import { TranslationTable } from '../../../../sidecar/conntrack/translation-table.ts';
import { conntrackRecords, type TrackedConnection } from '../../../fixtures/conntrack-records.ts';

const ENOBUFS = 105;
const EPERM = 1;

/** A kernel in memory. */
class FakeAddon implements ConntrackAddon {
  translates = true;
  events: TrackedConnection[] = [];
  list: TrackedConnection[] = [];
  overruns = 0;
  errno = 0;
  readonly calls: string[] = [];

  #refuse(errno: number): never {
    throw Object.assign(new Error('refused'), { errno, step: 'a step', code: 'WEIR_SIDECAR_LOAD_FAILED', log: '' });
  }

  conntrackNatChains(): boolean {
    this.calls.push('chains');
    return this.translates;
  }

  conntrackOpen(): ConntrackHandle {
    this.calls.push('open');
    if (this.errno !== 0) this.#refuse(this.errno);
    return {} as ConntrackHandle;
  }

  conntrackRead(_: ConntrackHandle, into: Uint8Array): { records: number; more: boolean } {
    if (this.overruns > 0) {
      this.overruns -= 1;
      this.events = [];
      this.#refuse(ENOBUFS);
    }
    const records = this.#put(this.events, into);
    this.events = [];
    return { records, more: false };
  }

  conntrackDump(_: ConntrackHandle, into: Uint8Array): { records: number; done: boolean } {
    this.calls.push('list');
    return { records: this.#put(this.list, into), done: true };
  }

  conntrackClose(): void {
    this.calls.push('close');
  }

  conntrackParse(): never {
    throw new Error('not asked for');
  }

  #put(connections: readonly TrackedConnection[], into: Uint8Array): number {
    into.set(new Uint8Array(conntrackRecords(...connections).buffer));
    return connections.length;
  }
}

const connection = (id: number, kind: TrackedConnection['kind'] = 'new'): TrackedConnection => {
  return { kind, id, src: ['10.0.0.1', id], dst: ['10.96.0.1', 80], backend: ['10.0.1.1', 80] };
};

const folder = mkdtempSync(join(tmpdir(), 'weir-conntrack-'));
after(() => rmSync(folder, { recursive: true }));
const tracked = join(folder, 'nf_conntrack_count');
writeFileSync(tracked, '0\n');
const oldTables = join(folder, 'ip_tables_names');
writeFileSync(oldTables, 'filter\nnat\n');
const events = join(folder, 'nf_conntrack_events');
writeFileSync(events, '2\n');
const FILES: NamespaceFiles = { tracked, oldTables: [], events };

function feed(
  addon: FakeAddon,
  logger: Logger = silentLogger,
  files: NamespaceFiles = FILES,
): {
  readonly table: TranslationTable;
  readonly meter: MeterRegistry;
  readonly poll: (atMs: number) => void;
  readonly restart: () => void;
} {
  const table = new TranslationTable();
  const meter = new MeterRegistry();
  let nowMs = 0;
  const kernel = new KernelFeed({ addon, logger, meter, nowMs: () => nowMs, files });
  const poll = (atMs: number): void => {
    nowMs = atMs;
    kernel.poll(table);
  };
  return { table, meter, poll, restart: () => kernel.restart() };
}

test('a namespace without translation is looked at once a second, and nothing is opened', () => {
  const addon = new FakeAddon();
  addon.translates = false;
  const { poll, table } = feed(addon);
  for (let ms = 10_000; ms < 13_000; ms += 100) poll(ms);
  assert.deepEqual([...new Set(addon.calls)], ['chains']);
  assert.ok(addon.calls.length <= 3);
  assert.equal(table.size, 0);
});

test('a kernel without connection tracking is not asked, and a table of the older iptables counts as a chain', () => {
  const addon = new FakeAddon();
  feed(addon, silentLogger, { ...FILES, tracked: join(folder, 'missing') }).poll(10_000);
  assert.deepEqual(addon.calls, []);
  addon.translates = false;
  feed(addon, silentLogger, { ...FILES, oldTables: [join(folder, 'missing'), oldTables] }).poll(10_000);
  assert.deepEqual(addon.calls, ['chains', 'open', 'list']);
});

test('once something translates, what is there is listed and what follows is read', () => {
  const addon = new FakeAddon();
  addon.list = [connection(1, 'seen'), connection(2, 'seen')];
  addon.events = [connection(99)];
  const { poll, table, meter } = feed(addon);
  poll(10_000);
  assert.deepEqual(addon.calls, ['chains', 'open', 'list']);
  assert.equal(table.size, 2, 'events from before the list are in it, or over');
  addon.events = [connection(3), connection(1, 'destroy')];
  poll(10_100);
  assert.equal(table.size, 3);
  assert.equal(meter.total('weir_sidecar_translation_events_total'), 2);
});

test('lost events are counted, and everything is listed anew', () => {
  const addon = new FakeAddon();
  const { poll, table, meter } = feed(addon);
  poll(10_000);
  addon.events = [connection(3)];
  poll(10_100);
  addon.overruns = 2;
  addon.list = [connection(4, 'seen')];
  poll(10_200);
  assert.equal(meter.total('weir_sidecar_translation_overruns_total'), 1);
  assert.equal(table.size, 1);
  assert.equal(addon.calls.filter((call) => call === 'list').length, 2);
});

test('events that come faster than a list is read are given up for a growing while, and nothing is known then', () => {
  const addon = new FakeAddon();
  addon.list = [connection(1, 'seen')];
  const { poll, table, meter } = feed(addon);
  poll(10_000);
  addon.overruns = 1000;
  for (let ms = 10_100; ms < 17_000; ms += 100) poll(ms);
  assert.equal(table.size, 0);
  const lists = addon.calls.filter((call) => call === 'list').length;
  assert.ok(lists <= 5, `${lists} lists in seven seconds`);
  assert.ok(meter.total('weir_sidecar_translation_overruns_total') <= 8);
  addon.overruns = 0;
  poll(30_000);
  assert.equal(table.size, 1);
});

test('a kernel that tells of no beginnings and ends is not followed, and its setting is named', () => {
  const addon = new FakeAddon();
  const lines: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (fields) => void lines.push(JSON.stringify(fields)) };
  const off = join(folder, 'off');
  writeFileSync(off, '0\n');
  const { poll } = feed(addon, logger, { ...FILES, events: off });
  poll(10_000);
  poll(20_000);
  assert.deepEqual(addon.calls, ['chains']);
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /WEIR_SIDECAR_NO_CONNTRACK.*nf_conntrack_events=1/);
});

test('after the clock was set everything is listed anew', () => {
  const addon = new FakeAddon();
  const { poll, restart } = feed(addon);
  poll(10_000);
  restart();
  poll(5000);
  assert.deepEqual(addon.calls, ['chains', 'open', 'list', 'list']);
});

test('a kernel that refuses is told once, and not asked again', () => {
  const addon = new FakeAddon();
  addon.errno = EPERM;
  const told: unknown[] = [];
  const { poll } = feed(addon, { ...silentLogger, warn: (fields) => told.push(fields['code']) });
  poll(10_000);
  poll(20_000);
  assert.deepEqual(told, ['WEIR_SIDECAR_NO_CONNTRACK']);
  assert.equal(addon.calls.filter((call) => call === 'open').length, 1);
});

test('wrong arguments are refused by the addon, and a closed handle too', () => {
  const addon = loadConntrack();
  assert.throws(() => addon.conntrackOpen({ bufferBytes: 1 }), { code: 'WEIR_SIDECAR_ADDON_ARGUMENT' });
  assert.throws(() => addon.conntrackRead({} as ConntrackHandle, new Uint8Array(80 * 64)), {
    code: 'WEIR_SIDECAR_ADDON_ARGUMENT',
  });
  assert.throws(() => addon.conntrackParse(new Uint8Array(1), new Uint8Array(79)), {
    code: 'WEIR_SIDECAR_ADDON_ARGUMENT',
  });
});
