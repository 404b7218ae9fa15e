import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRows } from '../../../../cli/demo/check.ts';
import type { DemoResult } from '../../../../cli/demo/result.ts';
import { OFF_MARK, SCREEN_COLUMNS, SCREEN_LINES, screenLines } from '../../../../cli/demo/screen.ts';
import { rows, truth } from './demo-truth.ts';

const many = <T>(count: number, of: T): T[] => Array.from({ length: count }, () => of);
const time = '2026-01-31T12:00:01.234567Z';

const result = (of: Partial<DemoResult> = {}): DemoResult => ({
  check: checkRows(truth(), rows()),
  wrongByNewest: 12,
  failures: many(7, {
    client: 'a-workload-with-a-long-name',
    server: 'another-one-with-a-long-name',
    dst_port: 5432,
    outcome: 'unreachable',
    error: 'EHOSTUNREACH',
    connections: 12_345,
    of_all: 99_999,
  }),
  slow: many(3, { client: 'batch', server: 'db', dst_port: 1, rtt_ms_p95: 1.5, connect_ms_p95: 2, why: 'a queue' }),
  outside: many(50, { client: 'web', dst_addr: '203.0.113.10', dst_port: 443, first_time: time, what: 'public' }),
  owners: many(9, { workload: 'blue', claimed_by: 'demo-1-2-node-a', valid_from: time, valid_to: null }),
  losses: 0,
  lossesAllowed: false,
  restart: { awayMs: 1234, adopted: true },
  verify: {
    ok: true,
    partitions: [],
    findings: [],
    summary: {
      ...{ objects: 1, rows: 2, flows: 2, losses: 0, ledger: [], lagMessages: 0, lagFlows: 0, judged: '' },
      ...{ reads: 0, bytesRead: 0, bytesStored: 0 },
    },
  },
  ok: true,
  ...of,
});

const screen = (of: Partial<DemoResult> = {}): string[] =>
  screenLines({ result: result(of), truth: truth(), data: 'weir-data', isPlayback: false });

test('the fullest screen fits 80 columns and 40 lines', () => {
  const lines = screen();
  assert.ok(lines.length <= SCREEN_LINES, `${lines.length} lines`);
  for (const line of lines) assert.ok(line.length <= SCREEN_COLUMNS, line);
});

test('every answer names its query', () => {
  const text = screen().join('\n');
  for (const name of ['failures', 'slow', 'outside', 'owners'])
    assert.match(text, new RegExp(`weir query --pack ${name}`));
});

test('only a figure that is off is marked, and the heading counts them', () => {
  const marked = (lines: readonly string[]): string[] => lines.filter((line) => line.startsWith(OFF_MARK));
  assert.deepEqual(marked(screen()), []);
  assert.match(screen().join('\n'), /every figure is right/);
  const red = screen({ check: checkRows(truth(), rows().slice(1)), losses: 3 });
  assert.deepEqual(
    marked(red).map((line) => line.slice(2, 16).trim()),
    ['connections', 'bytes', 'rows', 'kill -9', 'ledger'],
  );
  assert.match(red.join('\n'), /5 FIGURES ARE OFF/);
});

test('what kill -9 of a sidecar cost stands beside the truth', () => {
  const line = (of: Partial<DemoResult>): string => screen(of).find((text) => text.includes('kill -9')) ?? '';
  assert.equal(line({ restart: null }), '');
  assert.match(line({}), /^ .*away 1\.2 s, its ring adopted: 0 lost, 0 twice$/);
  assert.match(line({ losses: 2 }), /^!.*2 LOST OR TWICE/);
  assert.match(line({ restart: { awayMs: 900, adopted: false }, losses: 2 }), /^ .*its ring too: not judged then/);
});

test('a playback says so', () => {
  const [first] = screenLines({ result: result(), truth: truth(), data: 'd', isPlayback: true });
  assert.match(first ?? '', /playback/);
});

test('control characters of a name do not reach the terminal', () => {
  const lines = screen({ failures: [{ client: 'a\u001b[2Jb', server: 'c', dst_port: 1, outcome: 'refused' }] });
  for (const line of lines) assert.doesNotMatch(line, /\p{Cc}/u);
});
