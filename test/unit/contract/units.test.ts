import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../../contract/units.ts';

test('durations are read in milliseconds, alone and combined', () => {
  const cases: readonly [string, number][] = [
    ['0', 0],
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['1m1s1ms', 61_001],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text);
});

test('what is no duration is refused: no unit, a wrong order, fractions of a millisecond, signs', () => {
  for (const text of ['', '30', '30 s', '-1s', '1s1m', '1s1s', '0.5ms', 's', '1e3s', '1w', '9'.repeat(30) + 's']) {
    assert.equal(parseDuration(text), null, text);
  }
});

test('sizes are read in bytes, binary and decimal', () => {
  const cases: readonly [string, number][] = [
    ['0', 0],
    ['512B', 512],
    ['64MiB', 67_108_864],
    ['1.5KiB', 1536],
    ['1kB', 1000],
    ['2TB', 2e12],
  ];
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, text);
  for (const text of ['', '64', '64Mb', '64 MiB', '-1B', '0.3B', '1PiB', '9'.repeat(20) + 'B']) {
    assert.equal(parseSize(text), null, text);
  }
});

test('what is printed reads back as the same value', () => {
  for (const ms of [0, 1, 999, 1000, 61_001, 5_400_000, 86_400_000, 90_061_001]) {
    assert.equal(parseDuration(formatDuration(ms)), ms);
  }
  for (const bytes of [0, 1, 1000, 1024, 1536, 67_108_864, 2 ** 40]) assert.equal(parseSize(formatSize(bytes)), bytes);
  assert.equal(formatDuration(5_400_000), '1h30m');
  assert.equal(formatSize(67_108_864), '64MiB');
});
