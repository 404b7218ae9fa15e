import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlowQuestion } from '../../../../sidecar/conntrack/translation-store.ts';
import { TUPLE } from '../../../../sidecar/conntrack/record.ts';
import { KEEP_US, TranslationTable } from '../../../../sidecar/conntrack/translation-table.ts';
import { conntrackRecords, type TrackedConnection } from '../../../fixtures/conntrack-records.ts';
import { addressBytes } from '../../../fixtures/ring-bytes.ts';

const CLIENT = ['10.0.0.1', 40_000] as const;
const VIP = ['10.96.0.1', 80] as const;
const A = ['10.0.1.1', 8080] as const;
const B = ['10.0.2.1', 8080] as const;
const MS = 1000;

type Ends = readonly [readonly [string, number], readonly [string, number]];

class Kernel {
  readonly table: TranslationTable;
  #atMs = 0;

  constructor(connectionsMax?: number) {
    this.table = new TranslationTable(connectionsMax);
  }

  /** A read at `atMs`, which brings these since the last one. */
  read(atMs: number, ...connections: readonly Partial<TrackedConnection>[]): void {
    const whole = connections.map((c) => ({ kind: 'new' as const, id: 1, src: CLIENT, dst: VIP, backend: A, ...c }));
    this.table.apply(conntrackRecords(...whole), whole.length, this.#atMs * MS, atMs * MS);
    this.#atMs = atMs;
  }

  /** The last part of the other end's address as the table has it, or null. */
  find(openedMs: number, endMs: number, more: Partial<FlowQuestion> = {}, ends: Ends = [CLIENT, VIP]): string | null {
    const [local, remote] = ends.map(([address]) => new Int32Array(addressBytes(address).buffer)) as [
      Int32Array,
      Int32Array,
    ];
    const question: FlowQuestion = {
      ...{ local, remote, at: 0, localPort: ends[0][1], remotePort: ends[1][1], asClient: true },
      ...{ openedUs: openedMs * MS, sinceUs: openedMs * MS, endUs: endMs * MS, failed: false },
      ...more,
    };
    const entry = this.table.find(question);
    if (entry < 0) return null;
    const at = TUPLE.words * entry + (question.asClient ? TUPLE.replySrc : TUPLE.origSrc);
    return [...new Uint8Array(this.table.tuples.buffer, 4 * at + 12, 4)].join('.');
  }
}

test('a flow has the translation that began with it, asked from either end', () => {
  const kernel = new Kernel();
  kernel.read(1000);
  kernel.read(1100, { seenSrc: ['10.9.9.9', 5555] });
  assert.equal(kernel.find(1050, 1080), '10.0.1.1');
  assert.equal(kernel.find(1050, 1080, { asClient: false }, [A, ['10.9.9.9', 5555]]), '10.0.0.1');
  assert.equal(kernel.find(1050, 1080, { asClient: false }), null);
  assert.equal(kernel.find(1050, 1080, {}, [CLIENT, A]), null);
});

test('a port that is used again has the translation of its own connection', () => {
  const kernel = new Kernel();
  kernel.read(1000);
  kernel.read(1100);
  kernel.read(1200, {});
  assert.equal(kernel.find(1150, 1180), '10.0.1.1');
  kernel.read(1300, { kind: 'destroy' }, { id: 2, backend: B });
  assert.equal(kernel.find(1150, 1180), '10.0.1.1');
  assert.equal(kernel.find(1250, 1280), '10.0.2.1');
});

test('connections within one read cannot be told apart, and none of them has a translation', () => {
  const kernel = new Kernel();
  kernel.read(1000);
  kernel.read(1100, {}, { kind: 'destroy' }, { id: 2, backend: B });
  assert.equal(kernel.find(1010, 1020), null);
  assert.equal(kernel.find(1050, 1090), null);
});

test('connections within one read that lead to one backend have it', () => {
  const kernel = new Kernel();
  kernel.read(1000);
  kernel.read(1100, {}, { kind: 'destroy' }, { id: 2 });
  assert.equal(kernel.find(1010, 1020), '10.0.1.1');
});

test('what is left of an earlier connection is not taken for a later one that is not translated', () => {
  const kernel = new Kernel();
  kernel.read(1000);
  kernel.read(1100, {});
  kernel.read(1200);
  kernel.read(1300, { kind: 'destroy' });
  assert.equal(kernel.find(1250, 1280), null, 'it ended what was left');
  const other = new Kernel();
  other.read(1000);
  other.read(1100, {});
  other.read(1200);
  assert.equal(other.find(1150, 1180, { failed: true }), null, 'its SYN was dropped before it got there');
});

test('a translation that changes during a flow is none', () => {
  const kernel = new Kernel();
  kernel.read(1000);
  kernel.read(1100, {});
  kernel.read(1500, { kind: 'destroy' }, { id: 2, backend: B });
  assert.equal(kernel.find(1050, 1450), null);
});

test('one that was there when listening began belongs to flows that were there too', () => {
  const kernel = new Kernel();
  kernel.read(1000);
  kernel.read(1010, { kind: 'seen' });
  assert.equal(kernel.find(500, 1100), '10.0.1.1');
  assert.equal(kernel.find(-1, 1100, { sinceUs: 900 * MS, openedUs: -1 }), '10.0.1.1');
  assert.equal(kernel.find(500, 990), null, 'over before');
  kernel.read(1200, { kind: 'destroy' }, { id: 2, backend: B });
  assert.equal(kernel.find(1150, 1180), '10.0.2.1');
});

test('one that was there when listening began, and whose end nobody told, is not taken for a later connection', () => {
  const kernel = new Kernel();
  kernel.read(990);
  kernel.read(1000, { kind: 'seen' });
  assert.equal(kernel.find(900, 1080), '10.0.1.1');
  assert.equal(kernel.find(2000, 2100), null);
});

test('what a list and an event both tell of is one, and its beginning is the event’s', () => {
  const kernel = new Kernel();
  kernel.read(1000);
  kernel.read(1010, { kind: 'seen' }, {});
  assert.equal(kernel.table.size, 1);
  assert.equal(kernel.find(1005, 1008), '10.0.1.1');
});

test('zones are apart: the same addresses in two of them name nobody', () => {
  const kernel = new Kernel();
  kernel.read(1000);
  kernel.read(1100, { zone: 1 }, { id: 2, zone: 2, backend: B });
  assert.equal(kernel.find(1050, 1080), null);
  kernel.read(1200, { kind: 'destroy', id: 2, zone: 2 });
  assert.equal(kernel.table.size, 2);
});

test('what is over goes after a while, what is forgotten at once', () => {
  const kernel = new Kernel();
  kernel.read(1000, {});
  kernel.read(1100, { kind: 'destroy' });
  kernel.table.sweep(1100 * MS + KEEP_US);
  assert.equal(kernel.table.size, 1);
  kernel.table.sweep(1100 * MS + KEEP_US + 1);
  assert.equal(kernel.table.size, 0);
  kernel.read(1200, {});
  kernel.table.forget();
  assert.equal(kernel.table.size, 0);
  assert.equal(kernel.find(1150, 1180), null);
});

test('without room the least used goes, and with it the certainty of others with its addresses', () => {
  const kernel = new Kernel(1024);
  kernel.read(1000);
  kernel.read(1100, {});
  kernel.read(1200, { kind: 'destroy' }, { id: 2, backend: B });
  const others = Array.from({ length: 1023 }, (_, i) => ({ id: 10 + i, src: ['10.7.0.1', 1000 + i] as const }));
  kernel.read(1300, ...others);
  assert.equal(kernel.table.size, 1024);
  assert.equal(kernel.find(1150, 1180), null);
  assert.equal(kernel.find(1250, 1280, {}, [['10.7.0.1', 1500], VIP]), '10.0.1.1');
});
