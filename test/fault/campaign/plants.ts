/**
 * Rules of exactly once (docs/architecture.md), each left out by an edit of the source, with the round in which a campaign
 * must be red at the latest. `faults` are those that bring the rule's absence to light; a run has them in every round.
 *
 * Not here: `idempotent: true`. What that loses comes of a client that counts its sequence back after a failed send and
 * then sends the next message; Weir's producer sends the same bytes again until they are acknowledged, so there is
 * nothing to count back. In its place several requests are under way at once. (test/fault/kafka-lost-answers.test.ts
 * shows the loss on kafkajs' own producer.)
 */
import type { SourceEdit } from './edits.ts';

export interface Plant {
  readonly name: string;
  /** The rule that is left out. */
  readonly rule: string;
  readonly edits: readonly SourceEdit[];
  /** Red at the latest in this round. */
  readonly rounds: number;
  readonly faults: readonly string[];
  /** `weir verify` is not asked: it would say at once that names are not what they should be. */
  readonly byRowsAlone?: true;
}

const CHAIN_WRITER = 'sink/chain-writer.ts';
const PIPELINE = 'sidecar/flow-pipeline.ts';
const PRODUCER = 'transport/kafka/producer.ts';

const ZOMBIE_SINKS = ['sink frozen while its PUT is on the way', 'PUT of a dead sink lands before its successor’s'];
const KILLED_SIDECARS = [
  'kill sidecar',
  'kill sidecar, produce not arrived',
  'kill sidecar, produce applied and not answered',
];

/** The partition's turn of a producer: without it requests are under way at once. */
const NO_TURNS: SourceEdit = {
  file: PRODUCER,
  fragment: 'return await this.#turns.take(`${topic}/${partition}`, () => this.#send(topic, partition, messages));',
  replacement: 'return await this.#send(topic, partition, messages);',
};

export const PLANTS: readonly Plant[] = [
  {
    name: 'no-condition',
    rule: 'an object is created only where its name is free',
    edits: [
      {
        file: 'sink/store/s3-client.ts',
        fragment: "IfNoneMatch: '*',",
        replacement: "...(key.includes('_probe') ? { IfNoneMatch: '*' } : {}),",
      },
    ],
    rounds: 4,
    faults: ZOMBIE_SINKS,
  },
  {
    name: 'hour-of-first-record',
    rule: 'the name of an object is a function of its predecessor alone',
    edits: [
      {
        file: 'sink/partition.ts',
        fragment: 'return this.#storeEmpty(rollState(this.#chain!.state, appendMs));',
        replacement:
          "this.#chain!.shift(rollState(this.#chain!.state, appendMs)); return Promise.resolve('own' as const);",
      },
      {
        file: CHAIN_WRITER,
        fragment: '  get state(): ChainState {',
        replacement: '  shift(state: ChainState): void { this.#state = state; }\n  get state(): ChainState {',
      },
      {
        file: CHAIN_WRITER,
        fragment: 'const name = nextObjectName(this.#chain, this.#state);',
        replacement:
          'const name = nextObjectName(this.#chain, facts.state.nextOffset > this.#state.nextOffset && facts.rows === 0 ' +
          '? { ...this.#state, hour: facts.state.hour } : this.#state);',
      },
    ],
    rounds: 4,
    faults: ['retention takes what frozen sinks had not read'],
    byRowsAlone: true,
  },
  {
    name: 'own-state-after-412',
    rule: 'whoever finds the name taken drops its own state and takes the winner’s',
    edits: [
      {
        file: CHAIN_WRITER,
        fragment: 'this.#state = winner.state;',
        replacement: 'this.#state = own ? winner.state : { ...winner.state, streams: whole.state.streams };',
      },
    ],
    rounds: 4,
    faults: ['PUT of a dead sink lands before its successor’s'],
  },
  {
    name: 'unknown-is-stored',
    rule: 'no answer, 409 and 5xx: the same name again until it is there or taken',
    edits: [
      {
        file: CHAIN_WRITER,
        fragment: "if (outcome === 'won' || outcome === 'taken') return outcome === 'won';",
        replacement: "if (outcome !== 'failed') return outcome !== 'taken';",
      },
    ],
    rounds: 2,
    faults: ['the bucket is full for a while'],
  },
  {
    name: 'losses-by-the-winner-only',
    rule: 'nobody goes past an object whose losses object is missing',
    edits: [
      {
        file: CHAIN_WRITER,
        fragment: 'await this.#ensureLosses(name, winner);',
        replacement: 'if (own) await this.#ensureLosses(name, winner);',
      },
      { file: CHAIN_WRITER, fragment: 'await writer.#ensureLosses(tail.name, tail.facts);', replacement: '' },
    ],
    rounds: 4,
    faults: ['the ring overruns', 'kill sink between object and losses object'],
  },
  {
    name: 'state-not-in-the-chain',
    rule: 'the state of the fold lies in the objects',
    edits: [
      {
        file: CHAIN_WRITER,
        fragment: 'writer.#state = tail.facts.state;',
        replacement: 'writer.#state = { ...tail.facts.state, streams: new Map() };',
      },
    ],
    rounds: 2,
    faults: ['kill sink'],
  },
  {
    name: 'seal-without-state',
    rule: 'a seal carries the streams into the new log',
    edits: [
      {
        file: 'sink/chain.ts',
        fragment: 'return { ...state, logId: topicId,',
        replacement: 'return { ...state, streams: new Map(), logId: topicId,',
      },
    ],
    rounds: 2,
    faults: ['both topics are made anew'],
  },
  {
    name: 'state-by-node',
    rule: 'the fold counts by stream, not by node',
    edits: [
      {
        file: 'sink/tiling.ts',
        fragment: "if (source.ring === '') return foldUnnamed(",
        replacement: "source = { ...source, ring: source.node };\n  if (source.ring === '') return foldUnnamed(",
      },
    ],
    rounds: 2,
    faults: ['the ring is given up for a new one'],
  },
  {
    name: 'streams-retired-early',
    rule: 'a stream is forgotten only after 30 days',
    edits: [{ file: 'contract/limits.ts', fragment: '= 30 * 24 * 3600 * 1000;', replacement: '= 1000;' }],
    rounds: 3,
    faults: ['freeze sidecar', 'kill sidecar'],
  },
  {
    name: 'commit-before-acknowledge',
    rule: 'the enricher commits what is acknowledged, and nothing else',
    edits: [
      {
        file: 'enricher/partition.ts',
        fragment: 'const out = [outgoing(enriched, carried)];',
        replacement:
          'const out = [outgoing(enriched, carried)];\n' +
          'await log.commit(groupId, topic, partition, ((carried.at(-1)?.offset ?? 0) + 1) as Offset);',
      },
    ],
    rounds: 2,
    faults: ['kill enricher, produce not arrived', 'kill enricher'],
  },
  {
    name: 'enricher-does-not-wait',
    rule: 'one enriched message of a partition is under way at a time',
    edits: [
      NO_TURNS,
      {
        file: 'enricher/partition.ts',
        fragment:
          "if ((await this.#retry('produce', () => log.produce(enrichedTopic, partition, out))) === null) return false;",
        replacement: "void this.#retry('produce', () => log.produce(enrichedTopic, partition, out));",
      },
    ],
    rounds: 3,
    faults: ['answers of enricher lost and late', 'kill enricher, produce not arrived'],
  },
  {
    name: 'several-requests-in-flight',
    rule: 'one produce request of a stream is under way at a time',
    edits: [
      NO_TURNS,
      {
        file: 'sidecar/sender.ts',
        fragment: 'const count = this.#requestLength();',
        replacement:
          'const count = this.#queue.length;\n' +
          '      const sent = await Promise.all(this.#queue.slice(0, count).map((each) => this.#send(this.#partition, [each])));\n' +
          '      if (sent.every(Boolean)) { this.#queue.splice(0, count); this.#options.acknowledged(count); }\n' +
          '      if (sent.length > 0) continue;',
      },
    ],
    rounds: 3,
    faults: ['answers of sidecar lost and late', 'freeze a broker', 'all connections to a broker are cut'],
  },
  {
    name: 'ring-released-at-read',
    rule: 'the ring keeps what is not acknowledged',
    edits: [
      {
        file: PIPELINE,
        fragment: 'const position = Math.min(plan.position, this.#readTo);',
        replacement: 'const position = this.#readTo;',
      },
    ],
    rounds: 2,
    faults: KILLED_SIDECARS,
  },
  {
    name: 'no-plan',
    rule: 'plan, then send; a next process goes on under the same numbers',
    edits: [
      {
        file: PIPELINE,
        fragment: 'source.pinned?.writeJournal(encodePlan(plan));',
        replacement: 'void encodePlan;',
      },
    ],
    rounds: 2,
    faults: KILLED_SIDECARS,
  },
  {
    name: 'plan-not-kept',
    rule: 'a sent batch never changes',
    edits: [
      {
        file: 'sidecar/run.ts',
        fragment: 'flows.resume(plan?.batches ?? [], nowMs)',
        replacement: 'flows.resume([], nowMs)',
      },
    ],
    rounds: 4,
    faults: KILLED_SIDECARS,
  },
  {
    name: 'partition-by-key-again',
    rule: 'a stream keeps its partition',
    edits: [
      {
        file: 'sidecar/home-partition.ts',
        fragment: 'if (plan.partition < this.#partitions) return plan.partition;',
        replacement: 'if (this.#partitions > 0) return this.partition;',
      },
    ],
    rounds: 4,
    faults: ['partitions added with an unacknowledged batch'],
  },
];
