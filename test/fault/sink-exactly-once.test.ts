/**
 * Invariant: whatever dies, answers late or not at all, every flow is in the lake once or told as lost once.
 * A failing seed is in the message: `new World(seed, …)` plays it again.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { NO_FAULTS, Producer, type SimProcess, World, type WorldFaults } from '../fixtures/sink-world.ts';

const FAULTS: WorldFaults = { lostRequest: 0.04, lostAnswer: 0.06, late: 0.06, condition: true };

interface Schedule {
  readonly faults: WorldFaults;
  readonly steps: number;
  /** Chance of a kill in a step. */
  readonly kill: number;
  /** Chance that the topic is made anew or cut in a step. */
  readonly cut: number;
}

/** Two sinks on one partition, killed and started again at any moment; then calm, until all is stored. */
async function play(seed: number, schedule: Schedule): Promise<World> {
  const world = new World(seed, schedule.faults);
  const producer = new Producer(world, 3);
  const sinks: SimProcess[] = [await world.spawn(), await world.spawn()];
  for (let step = 0; step < schedule.steps; step++) {
    producer.step();
    await world.advance(world.int(60_000));
    if (world.random() < schedule.kill) {
      const victim = world.int(sinks.length);
      world.kill(sinks[victim]!);
      sinks[victim] = await world.spawn();
    }
    if (world.random() < schedule.cut) {
      if (world.random() < 0.3) world.recreate();
      else world.cut();
    }
  }
  world.faults = { ...schedule.faults, lostRequest: 0, lostAnswer: 0, late: 0 };
  producer.end();
  await world.advance(700_000);
  const stops = sinks.map((sink) => sink.stage!.stop());
  await world.advance(60_000);
  await Promise.all(stops);
  await Promise.all(sinks.map((sink) => sink.stage!.done));
  for (const { counts } of sinks) {
    const out = (counts['weir_sink_flows_out_total'] ?? 0) + (counts['weir_sink_flows_dropped_total'] ?? 0);
    assert.equal(counts['weir_sink_flows_in_total'] ?? 0, out + (counts['weir_sink_flows_held'] ?? 0), `seed ${seed}`);
  }
  return world;
}

describe('two sinks on one partition', () => {
  it('lose and double nothing under kills, lost and late answers', async () => {
    let faults = 0;
    for (let seed = 1; seed <= 24; seed++) {
      const world = await play(seed, { faults: FAULTS, steps: 80, kill: 0.1, cut: 0 });
      assert.deepEqual(world.findings(), [], `seed ${seed}`);
      faults += world.faultsDelivered;
    }
    assert.ok(faults > 3000, `only ${faults} faults were delivered`);
  });

  it('tell what is gone when the topic is cut or made anew', async () => {
    for (let seed = 101; seed <= 116; seed++) {
      const world = await play(seed, { faults: FAULTS, steps: 80, kill: 0.05, cut: 0.05 });
      assert.deepEqual(world.findings(), [], `seed ${seed}`);
    }
  });

  it('would double flows on a store without the condition, and the check sees it', async () => {
    let bad = 0;
    for (let seed = 1; seed <= 10; seed++) {
      const world = await play(seed, { faults: { ...FAULTS, condition: false }, steps: 80, kill: 0.1, cut: 0 });
      if (world.findings().length > 0) bad++;
    }
    assert.ok(bad > 0);
  });
});

describe('a sink whose store is away', () => {
  it('stops in the time that it has, and counts what it leaves in the log', async () => {
    const world = new World(3, NO_FAULTS);
    const producer = new Producer(world, 2);
    const sink = await world.spawn();
    for (let i = 0; i < 5; i++) producer.step();
    await world.advance(10_000);
    world.faults = { ...NO_FAULTS, lostRequest: 1 };
    await world.advance(300_000);
    let stopped = false;
    const stop = sink.stage!.stop().then(() => {
      stopped = true;
    });
    await world.advance(599_000);
    assert.equal(stopped, false);
    await world.advance(12_000);
    assert.equal(stopped, true);
    await stop;
    const { counts } = sink;
    assert.ok(counts['weir_sink_flows_in_total']! > 0);
    assert.equal(counts['weir_sink_flows_dropped_total'], counts['weir_sink_flows_in_total']);
    assert.equal(counts['weir_sink_flows_held'], 0);
  });
});

describe('one sink that dies at its Nth I/O', () => {
  for (const afterEffect of [false, true]) {
    it(`is followed by one that completes the lake (${afterEffect ? 'after' : 'before'} the effect)`, async () => {
      let clean = false;
      for (let n = 1; !clean; n++) {
        assert.ok(n < 500);
        const world = new World(7, NO_FAULTS);
        const producer = new Producer(world, 2);
        for (let i = 0; i < 12; i++) {
          producer.step();
          await world.advance(i === 6 ? 3_600_000 : 1000);
        }
        producer.end();
        const first = await world.spawn(n, afterEffect, 10);
        await world.advance(200_000);
        const stopped = first.stage!.stop();
        await world.advance(60_000);
        clean = !first.dead;
        if (clean) await stopped;
        else {
          const second = await world.spawn(Infinity, false, 10);
          await world.advance(200_000);
          const stop = second.stage!.stop();
          await world.advance(60_000);
          await stop;
        }
        assert.deepEqual(world.findings(), [], `I/O ${n}`);
      }
    });
  }
});
