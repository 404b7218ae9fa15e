/**
 * A fault campaign: rounds of traffic under seeded faults, each followed by a calm in which the lake must come to hold
 * exactly what the traffic made.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { FaultRates as KafkaRates } from '../../servers/fault-proxy.ts';
import type { FaultRates as S3Rates } from '../../servers/http-fault-proxy.ts';
import { checkEdits } from './edits.ts';
import type { Fault } from './fault.ts';
import { FAULTS } from './faults.ts';
import { isClean, Judge, type Verdict } from './judge.ts';
import { LakeReader } from './lake-reader.ts';
import { paceEdits } from './pace.ts';
import type { Plant } from './plants.ts';
import { TopicWatch } from './topic-watch.ts';
import { World } from './world.ts';

export interface CampaignOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly brokers: 1 | 3;
  /** A rule that is left out. */
  readonly plant: Plant | null;
  readonly say: (line: string) => void;
  /** Another choice of faults than all, by name; each round has them all. */
  readonly only?: readonly string[];
  /** Begin no round after so many seconds. */
  readonly secondsMax?: number;
}

export interface CampaignResult extends Omit<Verdict, 'wrong'> {
  readonly seed: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly plant: string | null;
  /** Faults that were seen; frames that were only delayed are counted beside. */
  readonly delivered: number;
  readonly delayed: number;
  readonly faults: Record<string, Record<string, number>>;
  /** Messages that were looked at, batches that came again, those of them in other words. */
  readonly topics: {
    readonly messages: number;
    readonly repeats: number;
    readonly reworded: number;
    readonly grouped: number;
  };
  /** What is wrong, in words; empty after a good campaign. */
  readonly findings: readonly string[];
}

const PER_SECOND = 25;
const FAULTS_MIN = 4;
const FAULTS_SPREAD = 4;
/** Faults of a round begin within. */
const ROUND_MS = 7000;
const CALM_MS_MAX = 75_000;
/** With a bug planted: what is not there then has had its time. */
const CALM_PLANTED_MS_MAX = 25_000;
const LOOK_MS = 700;
/** Gaps are told by the next batch of a stream: every so often each node makes some flows more. */
const NUDGE_MS = 8000;
const NUDGE_CONNECTIONS = 2;
const PARTITIONS = 2;
const STOP_MS = 40_000;
const REAL_HOUR_MS = 3_600_000;

const KAFKA_RATES: KafkaRates = { cut: 2, delayed: 25, late: 2, answerLost: 5, answerSwallowed: 1, answerSpoilt: 2 };
const S3_RATES: S3Rates = {
  refused: 0.1,
  cut_request: 0.05,
  lost_answer: 0.1,
  cut_answer: 0.05,
  slow: 0.02,
  late: 0.05,
};

export async function runCampaign(options: CampaignOptions): Promise<CampaignResult> {
  const epochMs = Math.floor(Date.now() / REAL_HOUR_MS) * REAL_HOUR_MS;
  const edits = [...paceEdits(epochMs), ...(options.plant?.edits ?? [])];
  await checkEdits(edits);
  const started = Date.now();
  const world = await World.start({ ...options, edits, partitions: PARTITIONS });
  try {
    return await new Campaign(options, world).run(started);
  } catch (error) {
    options.say(`what the stages said is in ${await world.keepOutput()}`);
    options.say(`the campaign failed: ${String(error)} ${String(error instanceof Error ? error.cause : '')}`);
    throw error;
  } finally {
    await world.stop();
  }
}

class Campaign {
  readonly #options: CampaignOptions;
  readonly #world: World;
  readonly #judge: Judge;
  readonly #watch: TopicWatch;
  readonly #findings: string[] = [];
  #verdict: Verdict | null = null;

  constructor(options: CampaignOptions, world: World) {
    this.#options = options;
    this.#world = world;
    this.#judge = new Judge(new LakeReader(world.lakeFolder));
    this.#watch = new TopicWatch(world);
  }

  async run(started: number): Promise<CampaignResult> {
    const { seed, rounds, secondsMax = Infinity, plant, say } = this.#options;
    const seconds = (): number => Math.round((Date.now() - started) / 1000);
    await this.#watch.start();
    let round = 0;
    // The first round without faults: what is red there is the harness'.
    await this.#calm('before the faults');
    while (round < rounds && this.#findings.length === 0 && seconds() < secondsMax) {
      round++;
      await this.#round(round);
      say(`round ${round}: ${seconds()} s, ${this.#world.tally.delivered} faults, ${this.#line()}`);
    }
    if (this.#findings.length === 0) await this.#end();
    await this.#watch.stop();
    const { wrong, ...verdict } = this.#verdict!;
    const faults = this.#world.tally.toJSON();
    const { delivered, delayed } = this.#world.tally;
    const { messages, repeats, reworded, read } = this.#watch;
    const topics = { messages, repeats, reworded, grouped: read };
    const findings = [...this.#findings, ...wrong];
    if (findings.length > 0 && plant === null) say(`what the stages said is in ${await this.#world.keepOutput()}`);
    return {
      seed,
      rounds: round,
      seconds: seconds(),
      plant: plant?.name ?? null,
      delivered,
      delayed,
      ...verdict,
      topics,
      faults,
      findings,
    };
  }

  async #round(round: number): Promise<void> {
    const { random, nodes, proxies, s3Proxies } = this.#world;
    for (const { traffic } of nodes) traffic.run(PER_SECOND);
    for (const proxy of proxies) {
      proxy.rates = KAFKA_RATES;
      proxy.delayMsMax = 600;
    }
    for (const proxy of s3Proxies.values()) proxy.rates = S3_RATES;
    const chosen = this.#choose();
    this.#options.say(`round ${round}: ${chosen.map(({ name }) => name).join('; ')}`);
    const ends = await Promise.allSettled(
      chosen.map(async (fault) => {
        await pause(random.below(ROUND_MS));
        for (const reason of fault.loses ?? []) this.#world.mayLose.add(reason);
        await fault.run(this.#world);
      }),
    );
    for (const [index, end] of ends.entries()) {
      if (end.status === 'rejected')
        throw new Error(`the fault "${chosen[index]?.name}" failed`, { cause: end.reason });
    }
    await this.#calm(`round ${round}`);
  }

  /** By weight; at most one of a round makes flows be lost. */
  #choose(): Fault[] {
    const { random, kafka } = this.#world;
    const { only, plant } = this.#options;
    const named = only ?? plant?.faults;
    if (named !== undefined) return named.map((name) => faultNamed(name));
    const fitting = FAULTS.filter(({ brokers }) => brokers === undefined || brokers === kafka.brokers.length);
    const chosen = kafka.brokers.length === 3 ? [faultNamed('kill the leader of a partition')] : [];
    const count = FAULTS_MIN + random.below(FAULTS_SPREAD);
    while (chosen.length < count) {
      const fault = weighted(fitting, random.below.bind(random));
      if (!chosen.includes(fault) && chosen.every((other) => goTogether(other, fault))) chosen.push(fault);
    }
    // A ledger that is cut off needs something to tell.
    if (chosen.some(({ loses }) => loses !== undefined))
      chosen.push(faultNamed('kill sink between object and losses object'));
    return chosen;
  }

  /** No faults any more; until the lake holds what was made, or too long. */
  async #calm(when: string): Promise<void> {
    const world = this.#world;
    for (const proxy of world.proxies) proxy.calm();
    for (const proxy of world.s3Proxies.values()) {
      proxy.rates = {};
      proxy.isFull = false;
    }
    for (const child of world.children) child.start();
    await Promise.all([
      ...world.proxies.map((proxy) => proxy.settle()),
      ...[...world.s3Proxies.values()].map((proxy) => proxy.settle()),
    ]);
    for (const { traffic } of world.nodes) traffic.pause();
    const startMs = Date.now();
    let nudgedMs = 0;
    for (;;) {
      if (Date.now() - nudgedMs > NUDGE_MS) {
        nudgedMs = Date.now();
        await Promise.all(world.nodes.map(({ traffic }) => traffic.make(NUDGE_CONNECTIONS)));
      }
      await pause(LOOK_MS);
      const verdict = await this.#look();
      if (isClean(verdict) || isHopeless(verdict)) break;
      if (Date.now() - startMs > (this.#options.plant === null ? CALM_MS_MAX : CALM_PLANTED_MS_MAX)) break;
    }
    await this.#check(when);
  }

  async #look(): Promise<Verdict> {
    const truths = this.#world.nodes.map(({ name, traffic }) => ({
      name,
      node: traffic.node,
      made: traffic.made,
      interims: this.#watch.interims.get(name) ?? 0,
    }));
    this.#verdict = await this.#judge.judge(truths, this.#world.mayLose);
    return this.#verdict;
  }

  async #check(when: string): Promise<void> {
    const verdict = this.#verdict!;
    if (!isClean(verdict)) this.#findings.push(`${when}: ${this.#line()}`);
    this.#findings.push(...(await this.#watch.check()).map((finding) => `${when}: ${finding}`));
    const isAsked = this.#options.plant?.byRowsAlone !== true;
    const { status, output } = isAsked ? await this.#world.weir(['verify']) : { status: 0, output: '' };
    if (status !== 0) this.#findings.push(`${when}: weir verify says ${status}: ${output.slice(-1500)}`);
    for (const { name, ended } of this.#world.children) {
      const crashed = ended.find((end) => /Node\.js v\d/.test(end));
      // A planted bug breaks a rule, not the program: a crash would hide whether the campaign sees it.
      if (crashed !== undefined && this.#options.plant !== null) throw new Error(`${name} crashed of the planted bug`);
      const strange = ended.filter((end) => !EXPECTED_ENDS.test(end));
      ended.length = 0;
      this.#findings.push(...strange.map((end) => `${when}: ${name} ended by itself, ${end}`));
    }
  }

  /** Every stage ends cleanly, and what the rings held is there. */
  async #end(): Promise<void> {
    const { nodes, children } = this.#world;
    const stopped = (child: (typeof children)[number]): Promise<void> =>
      child.stop(STOP_MS).then((status) => {
        if (status !== 0) this.#findings.push(`at the end: ${child.name} stopped with ${status}`);
      });
    await Promise.all(nodes.map(({ traffic }) => traffic.make(50)));
    await Promise.all(nodes.map(({ sidecar }) => stopped(sidecar)));
    for (let waitedMs = 0; waitedMs < CALM_MS_MAX && !isClean(await this.#look()); waitedMs += LOOK_MS)
      await pause(LOOK_MS);
    await Promise.all(children.filter(({ kind }) => kind !== 'sidecar').map(stopped));
    await this.#look();
    await this.#check('at the end');
  }

  #line(): string {
    const { made, rows, losses, doubled, lost, toldTwice, unexplained } = this.#verdict!;
    const bad = `${doubled} doubled, ${lost} lost, ${toldTwice} told twice, ${unexplained} lost without a reason`;
    return `${made} made, ${rows} rows, ${losses} losses; ${bad}`;
  }
}

/** Stages end with status 3 where a topic is away or being changed, and are started again, as by any supervisor. */
const EXPECTED_ENDS =
  /^3: .*(UNKNOWN_TOPIC|TOPIC_MISMATCH|CONFIG_INVALID|UNREACHABLE|UNAVAILABLE|OUT_OF_RANGE|LOG_TRUNCATED)/s;

/** No waiting mends it. */
const isHopeless = ({ doubled, wrong }: Verdict): boolean => doubled > 0 || wrong.some((each) => /replaced/.test(each));

function goTogether(one: Fault, other: Fault): boolean {
  if (one.loses !== undefined && other.loses !== undefined) return false;
  const [losing, ending] = one.loses === undefined ? [other, one] : [one, other];
  return ending.endsStream !== true || losing.loses?.includes('batch_lost') !== true;
}

function faultNamed(name: string): Fault {
  const fault = FAULTS.find((each) => each.name === name);
  if (fault === undefined) throw new Error(`there is no fault "${name}"`);
  return fault;
}

function weighted(faults: readonly Fault[], below: (bound: number) => number): Fault {
  let drawn = below(faults.reduce((sum, { weight }) => sum + weight, 0));
  return faults.find(({ weight }) => (drawn -= weight) < 0)!;
}
