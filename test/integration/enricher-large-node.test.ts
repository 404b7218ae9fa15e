/**
 * A node whose claims do not fit one message, from the sidecar's scans to the join: its messages one after the other, and
 * after each of them flows to addresses that were held all the while. Whatever has been read by then, an answer that is
 * given must be the right one.
 */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { systemClock } from '../../contract/clock.ts';
import { OWNERSHIP_MESSAGE_BYTES_MAX } from '../../contract/limits.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import { BatchDictionaries } from '../../enricher/dictionaries.ts';
import { Joiner, newEndCounts } from '../../enricher/join.ts';
import { OwnershipHistory } from '../../enricher/ownership/history.ts';
import { OwnershipKind, Reason } from '../../schemas/generated/common.ts';
import { EnrichedFlowColumns } from '../../schemas/generated/flows-enriched-v1.ts';
import { decodeOwnershipMessage, type OwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import { ClaimPipeline } from '../../sidecar/claim-pipeline.ts';
import { Sender } from '../../sidecar/sender.ts';
import type { OutgoingMessage } from '../../transport/log.ts';
import { ownership, rawBatch, workload } from '../fixtures/enricher-messages.ts';
import { FakeHost, FakeSource, namespaceOf } from '../fixtures/fake-machine.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';

const SECOND_US = 1_000_000;
const START_US = 1_700_000_000 * SECOND_US;
const CLAIMS = 30_000;
const GROWN = 70_000;
/** Of them, those whose address changes hands; the flows go to others. */
const isMoving = (i: number): boolean => i % 50 === 7;
const addressOf = (i: number): string => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
/** Addresses that are asked for after each message. */
const ASKED = 60;

interface Said {
  readonly atUs: number;
  readonly bytes: number;
  readonly message: OwnershipMessage;
}

/** What a sidecar says goes into a list. */
class Recorder extends Sender {
  nowUs = START_US;
  readonly said: Said[] = [];

  constructor() {
    const named = { topic: '', partition: 0, requestBytesMax: 1, acknowledged: () => undefined };
    super({ ...named, log: new MemoryBroker().client(), clock: systemClock, logger: silentLogger });
  }

  override enqueue(messages: readonly OutgoingMessage[]): void {
    for (const { value } of messages) {
      this.said.push({ atUs: this.nowUs, bytes: value.length, message: decodeOwnershipMessage(value) });
    }
  }
}

/** The node: what it runs, and its sidecar, which may be restarted. */
class LargeNode {
  readonly post = new Recorder();
  readonly #host = new FakeHost('n1', () => this.post.nowUs);
  #pipeline: ClaimPipeline;
  #moves = 0;

  constructor(count: number) {
    this.grow(count);
    this.#pipeline = this.start('e1');
  }

  start(epoch: string): ClaimPipeline {
    const options = {
      ...{ log: new MemoryBroker().client(), source: new FakeSource(), host: this.#host, clock: systemClock },
      ...{ logger: silentLogger, meter: silentMeter, cluster: 'c', network: 'net', node: 'n1', rawTopic: '' },
      ...{ ownershipTopic: '', batchFlows: 1, batchAgeMs: 1, intervalMs: 1, heartbeatMs: 5000, scanMs: 1000 },
      ringPollMs: 1,
    };
    this.#pipeline = new ClaimPipeline(options, epoch, this.post);
    return this.#pipeline;
  }

  grow(to: number): void {
    const { namespaces, paths } = this.#host;
    for (let i = namespaces.length; i < to; i += 1) {
      paths.set(i + 1, `/demo/w${i}`);
      namespaces.push(namespaceOf(i + 1, [`${addressOf(i)}/8`], [i + 1]));
    }
  }

  /** Some addresses get another holder. */
  move(): void {
    const { namespaces, paths } = this.#host;
    this.#moves += 1;
    for (let i = 0; i < namespaces.length; i += 1) {
      if (!isMoving(i)) continue;
      const inode = this.#moves * 1_000_000 + i;
      paths.set(inode, `/demo/w${i}-${this.#moves}`);
      namespaces[i] = namespaceOf(inode, [`${addressOf(i)}/8`], [inode]);
    }
  }

  /** Never silent for so long that it would be taken for dead. */
  async at(...times: readonly number[]): Promise<void> {
    for (const seconds of times) {
      this.post.nowUs = START_US + seconds * SECOND_US;
      await this.#pipeline.scan([], this.post.nowUs / 1000, this.post.nowUs);
      this.#pipeline.speak(this.post.nowUs / 1000, this.post.nowUs);
    }
  }
}

/** Two lives of the sidecar, each with changes and full lists; in the second it outgrows its shares. */
async function recorded(): Promise<readonly Said[]> {
  const node = new LargeNode(CLAIMS);
  await node.at(0, 5);
  node.move();
  await node.at(7, 12, 24, 36, 48, 61);
  node.start('e2');
  node.move();
  await node.at(64, 69, 81, 93, 105);
  node.grow(GROWN);
  await node.at(118, 125, 130);
  return node.post.said;
}

class Asker {
  readonly history = new OwnershipHistory();
  ready = 0;
  readonly #joiner = new Joiner(this.history);
  readonly #dictionaries = new BatchDictionaries(this.history.workloads);
  readonly #rows = new EnrichedFlowColumns(1);

  /** Whether a flow to that address at that time is ready; if so its answer must be right. */
  ask(i: number, atUs: number, where: string): boolean {
    const flow = { local: '10.255.0.1', remote: addressOf(i), start: atUs, end: atUs, localWorkload: 0 };
    const batch = rawBatch({ flows: [flow], workloads: [workload('here')] });
    if (this.#joiner.look(batch).length > 0) return false;
    this.#dictionaries.reset();
    this.#rows.length = 0;
    this.#joiner.write(batch, this.#rows, this.#dictionaries, newEndCounts());
    const index = this.#rows.dstWorkload[0]!;
    const name = index < 0 ? `nobody, reason ${this.#rows.dstReason[0]}` : this.#dictionaries.workloads[index]!.name;
    assert.equal(name, `w${i}`, `${where}, asked for ${(atUs - START_US) / SECOND_US} s`);
    assert.equal(this.#rows.dstReason[0], Reason.none);
    this.ready += 1;
    return true;
  }
}

const asked: readonly number[] = Array.from({ length: ASKED }, (_, k) => {
  const i = Math.floor((k * CLAIMS) / ASKED);
  return isMoving(i) ? i + 1 : i;
});

/** Another node, whose sidecar is always ahead, so that nothing waits for it. */
function other(history: OwnershipHistory, seq: number, atUs: number): void {
  const claims = [{ addr: '10.255.0.1', who: workload('here'), from: START_US - 60 * SECOND_US }];
  const kind = seq === 0 ? 'full' : 'asOf';
  const said = ownership({ reporter: 'n2', seq, kind, asOf: atUs, claims: seq === 0 ? claims : [] });
  assert.equal(history.apply(said, atUs / 1000).taken, true);
}

/** Read the topic, without message `lost`, and ask after each message. */
function readAll(topic: readonly Said[], lost: number): Asker {
  const asker = new Asker();
  other(asker.history, 0, START_US);
  topic.forEach(({ atUs, message }, k) => {
    if (k !== lost) assert.equal(asker.history.apply(message, atUs / 1000).refused, 0);
    other(asker.history, k + 1, atUs + SECOND_US / 2);
    if (k < lost) return;
    const previousUs = topic.findLast((said) => said.atUs < atUs)?.atUs ?? atUs;
    const where = `after message ${k} (${message.reporter} ${message.epoch}/${message.seq}), without ${lost}`;
    for (const i of lost < 0 ? asked : asked.filter((_, n) => n % 10 === k % 10)) {
      // Held for certain since the end of the first scan.
      for (const us of [previousUs + 1000, (previousUs + atUs) / 2 + 1000, atUs - 1000, atUs + 1000]) {
        if (us > START_US) asker.ask(i, us, where);
      }
    }
  });
  const lastUs = topic.at(-1)!.atUs;
  for (const i of asked) {
    const isReady = asker.ask(i, lastUs - 1000, 'at the end');
    if (lost < 0) assert.ok(isReady, 'everything is ready at the end');
  }
  return asker;
}

describe('a node with 30,000 claims and more', () => {
  let topic: readonly Said[] = [];
  const lists = (epoch: string): readonly Said[] =>
    topic.filter(({ message }) => message.epoch === epoch && message.kind === OwnershipKind.full);

  before(async () => {
    topic = await recorded();
  });

  test('says whole lists in messages that all keep within the limit', () => {
    for (const { bytes } of topic) assert.ok(bytes <= OWNERSHIP_MESSAGE_BYTES_MAX);
    for (const epoch of ['e1', 'e2', 'e2.2']) {
      const reporters = new Set(lists(epoch).map(({ message }) => message.reporter));
      assert.ok(reporters.size > 5, `${epoch}: ${reporters.size} reporters`);
      const first = lists(epoch).slice(0, reporters.size);
      const addresses = first.reduce(
        (sum, { message }) =>
          sum + message.claims.prefixLength.subarray(0, message.claims.length).filter((n) => n === 128).length,
        0,
      );
      assert.equal(addresses, epoch === 'e2.2' ? GROWN : CLAIMS, epoch);
    }
  });

  test('names the owner or waits after every message, also over a restart and over new shares', () => {
    const { ready } = readAll(topic, -1);
    assert.ok(ready > ASKED * topic.length, `${ready} answers`);
  });

  test('names the owner or waits where one of the messages is lost', () => {
    // One of each sort: of a beginning, a change, the lists of a first life, after a restart, with new shares.
    const sorts = new Map<string, number>();
    topic.forEach(({ atUs, message }, k) => {
      // Who has never read the first message of all does not know that there is somebody to wait for.
      const isAgain = message.seq > 2 && message.kind !== OwnershipKind.delta;
      if (k > 0 && !isAgain) sorts.set(`${atUs} ${message.kind} ${message.reporter === 'n1'}`, k);
    });
    assert.ok(sorts.size > 8, `${sorts.size}`);
    for (const lost of sorts.values()) readAll(topic, lost);
  });
});
