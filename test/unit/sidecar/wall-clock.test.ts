import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../contract/log.ts';
import { WallClock } from '../../../sidecar/wall-clock.ts';

function clockAt(offsetUs: number): { clock: WallClock; set: (offsetUs: number) => void; warned: object[] } {
  let now = offsetUs;
  const warned: object[] = [];
  const logger = { ...silentLogger, warn: (context: object) => warned.push(context) };
  const clock = new WallClock({ bootToUnixUs: () => now }, { ringId: 'r', bootToUnixUs: now, jiffiesHz: 250 }, logger);
  return { clock, set: (us) => (now = us), warned };
}

test('a step is told once and followed, a slow adjustment followed, the reading error left alone', () => {
  const { clock, set, warned } = clockAt(1_000_000_000);
  assert.equal(clock.look(1000), 0);
  set(1_000_001_000);
  assert.equal(clock.look(3000), 0);
  assert.equal(clock.record.bootToUnixUs, 1_000_000_000);
  set(1_000_400_000);
  assert.equal(clock.look(5000), 0);
  assert.equal(clock.record.bootToUnixUs, 1_000_400_000);
  assert.deepEqual(warned, []);
  set(1_001_400_000);
  assert.equal(clock.look(7000), 1_000_000);
  assert.equal(clock.look(9000), 0);
  assert.deepEqual(clock.record, { bootToUnixUs: 1_001_400_000, jiffiesHz: 250 });
  assert.deepEqual(warned, [{ byMs: 1000 }]);
});

test('it looks once a second, and at once when the clock that paces it was set back', () => {
  const { clock, set } = clockAt(0);
  clock.look(10_000);
  set(-5_000_000);
  assert.equal(clock.look(10_500), 0);
  assert.equal(clock.look(5500), -5_000_000);
});

test('a source that has no clock of its own keeps the offset of its start', () => {
  const clock = new WallClock({}, { ringId: 'r', bootToUnixUs: 7, jiffiesHz: 100 }, silentLogger);
  assert.equal(clock.look(1e9), 0);
  assert.equal(clock.record.bootToUnixUs, 7);
});
