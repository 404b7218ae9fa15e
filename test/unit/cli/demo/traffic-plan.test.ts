import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SOURCE_PORTS, WORKLOADS } from '../../../../cli/demo/fleet-plan.ts';
import { FOR_MS_MAX, FOR_MS_MIN, planTraffic } from '../../../../cli/demo/traffic-plan.ts';

const callsOf = (lines: readonly string[]): number[] =>
  lines.filter((line) => line.startsWith('call ')).map((line) => Number(line.split(' ')[2]));

test('the same seed makes the same plan, another one another', () => {
  assert.deepEqual(planTraffic(7, 20_000), planTraffic(7, 20_000));
  assert.notDeepEqual(planTraffic(7, 20_000).lines, planTraffic(8, 20_000).lines);
});

test('every plan fits the program and its ports, and its moments lie in order', () => {
  for (let seed = 0; seed < 50; seed++) {
    for (const forMs of [FOR_MS_MIN, 20_000, FOR_MS_MAX]) {
      const { lines, connections, takeMs, giveMs, killMs } = planTraffic(seed, forMs);
      assert.ok(killMs < takeMs && takeMs <= giveMs && giveMs < forMs - 1000, `seed ${seed}`);
      let planned = 0;
      for (const [name, plan] of lines) {
        assert.ok(plan.length < 256, `${name}: the program takes 256 lines`);
        const calls = callsOf(plan).reduce((sum, count) => sum + count, 0);
        assert.ok(calls <= SOURCE_PORTS, `${name} makes ${calls} calls`);
        planned += calls;
        for (const line of plan) assert.doesNotMatch(line, /undefined|NaN|-\d/, line);
      }
      assert.equal(planned, connections);
    }
  }
});

test('the usual plan makes 2,000 to 4,000 connections', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { connections } = planTraffic(seed, 20_000);
    assert.ok(connections >= 2000 && connections <= 4000, `seed ${seed}: ${connections}`);
  }
});

test('programs that share a namespace share no source port', () => {
  for (const one of WORKLOADS) {
    for (const other of WORKLOADS) {
      if (one === other || one.namespace !== other.namespace) continue;
      assert.ok(Math.abs(one.sourcePort - other.sourcePort) >= SOURCE_PORTS);
    }
  }
  assert.ok(Math.max(...WORKLOADS.map(({ sourcePort }) => sourcePort)) + SOURCE_PORTS <= 65_535);
});
