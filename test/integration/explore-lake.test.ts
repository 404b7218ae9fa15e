/** A lake that the real sink wrote, queried and verified, with and without the log that it was made from. */
import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { silentMeter } from '../../contract/meter.ts';
import { openLake } from '../../explore/lake.ts';
import { queryAll } from '../../explore/query.ts';
import { tailFlows, type TailFlow, formatTailLine } from '../../explore/tail.ts';
import { verifyLake, type VerifyReport } from '../../explore/verify.ts';
import { Method, OwnershipKind, ReporterKind } from '../../schemas/generated/common.ts';
import { encodeEnrichedBatch } from '../../schemas/generated/flows-enriched-v1.ts';
import { ClaimColumns, encodeOwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import { startSink } from '../../sink/run.ts';
import { openFolderStore, readFolderStore } from '../../sink/store/folder.ts';
import { HEADER, type Log, type Message, type Offset, TOPICS } from '../../transport/log.ts';
import { enrichedBatch, ipv4, type SourceSpec, workload } from '../fixtures/enriched.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';

const TOPIC = { partitions: 1, retentionMs: null, retentionBytes: null, messageBytesMax: 1 << 22 };
const GROUP = 'sink';

function ownership(seq: number, kind: OwnershipKind): Uint8Array {
  const claims = new ClaimColumns(1);
  claims.length = kind === OwnershipKind.asOf ? 0 : 1;
  claims.addr.set(ipv4(10, 0, 0, 1));
  claims.prefixLength[0] = 128;
  claims.method[0] = Method.address;
  claims.fromUs[0] = 1_700_000_000_000_000;
  claims.earliestUs[0] = 1_700_000_000_000_000;
  claims.toUs[0] = -1;
  claims.latestUs[0] = -1;
  return encodeOwnershipMessage({
    cluster: 'c1',
    network: 'net',
    reporter: 'n1',
    reporterKind: ReporterKind.sidecar,
    epoch: 'e1',
    seq,
    kind,
    asOfUs: 1_700_000_000_000_000,
    intervalMs: 5000,
    workloads: [workload('web')],
    pods: [],
    claims,
  });
}

const batch = (...sources: SourceSpec[]): Uint8Array => encodeEnrichedBatch(enrichedBatch(sources));

describe('a lake that the sink wrote', () => {
  let whole: string;
  let lake: string;
  let broker: MemoryBroker;
  let log: Log;

  /** Where the sink commits a topic's position: in its group, or in one of the topic's own. */
  const groupOf = (topic: string): string =>
    broker.committed(GROUP, topic, 0) === null ? `${GROUP}.ownership` : GROUP;
  const sinkGroup = (table: string): string => groupOf(table === 'flows' ? TOPICS.enriched : TOPICS.ownership);

  const enricherGroup = (rawTopicId: string): string => `enricher.${rawTopicId}`;

  /** Run the sink until it has stored what the log holds. */
  async function store(folder: string): Promise<void> {
    const ends = [TOPICS.enriched, TOPICS.ownership].map((topic) => [topic, broker.partition(topic, 0).end] as const);
    const sink = await startSink({
      log,
      store: await openFolderStore(folder),
      clock: systemClock,
      logger: silentLogger,
      meter: silentMeter,
      enrichedTopic: TOPICS.enriched,
      ownershipTopic: TOPICS.ownership,
      group: GROUP,
      flushAgeMs: 20,
      flushRowsMax: 100_000,
    });
    const stored = (): boolean =>
      ends.every(([topic, end]) => (broker.committed(groupOf(topic), topic, 0) ?? 0) >= end);
    for (let wait = 0; wait < 15 && !stored(); wait++) await systemClock.sleep(20);
    await sink.stop();
    await sink.done;
    assert.ok(stored(), 'the sink has stored what the log holds');
  }

  const send = (topic: string, value: Uint8Array, headers: Record<string, string> = {}): Promise<unknown> =>
    log.produce(topic, 0, [{ key: null, value, headers }]);

  before(async () => {
    broker = new MemoryBroker();
    log = broker.client();
    await log.ensureTopics([TOPICS.raw, TOPICS.enriched, TOPICS.ownership].map((name) => ({ ...TOPIC, name })));
    whole = await mkdtemp(join(tmpdir(), 'weir-explore-'));
    await send(TOPICS.ownership, ownership(0, OwnershipKind.full));
    await send(TOPICS.enriched, batch({ ring: 'r1', first: 0, next: 100, lost: 3 }));
    await store(whole);
    // A repeat, a gap of 5, another stream, a message that nobody can read.
    await send(TOPICS.enriched, batch({ ring: 'r1', first: 0, next: 100, lost: 3 }));
    await send(TOPICS.enriched, batch({ ring: 'r1', first: 105, next: 200 }, { ring: 'r2', first: 0, next: 10 }));
    await send(TOPICS.enriched, Uint8Array.of(1, 2, 3));
    await send(TOPICS.ownership, ownership(1, OwnershipKind.asOf));
    await store(whole);
    await send(TOPICS.enriched, batch({ ring: 'r2', first: 10, next: 20 }));
    await send(TOPICS.ownership, ownership(2, OwnershipKind.delta));
    await store(whole);
    // The raw log is ahead of it all.
    const headers = { [HEADER.ring]: 'r1', [HEADER.seq]: '3', [HEADER.first]: '200', [HEADER.next]: '207' };
    await send(TOPICS.raw, Uint8Array.of(0), headers);
  });
  after(() => rm(whole, { recursive: true, force: true }));
  beforeEach(async () => {
    lake = await mkdtemp(join(tmpdir(), 'weir-explore-'));
    await cp(whole, lake, { recursive: true });
  });
  afterEach(() => rm(lake, { recursive: true, force: true }));

  const verify = (from: Log | null = log): Promise<VerifyReport> => {
    const store = readFolderStore(lake);
    return verifyLake(from === null ? { store } : { store, log: from, sinkGroup, enricherGroup });
  };
  const names = async (table: string): Promise<string[]> =>
    (await readdir(join(lake, table), { recursive: true }))
      .filter((name) => name.endsWith('.parquet'))
      .map((name) => `${table}/${name}`)
      .sort();

  it('is complete, by its objects alone and by the log', async () => {
    for (const from of [null, log]) {
      const report = await verify(from);
      assert.deepEqual(report.findings, []);
      assert.equal(report.summary.flows, 97 + 95 + 10 + 10);
      assert.equal(report.summary.losses, 3 + 5);
    }
    const { partitions, summary } = await verify();
    const flows = partitions.find((partition) => partition.table === 'flows')!;
    const raw = { start: 0, end: 1, judgedTo: null };
    assert.deepEqual(flows.log, { sameLog: true, lagMessages: 0, lagFlows: 7, raw, comparedFrom: 0 });
    assert.deepEqual(
      summary.ledger.map(({ stage, reason, entries, flows: lost, unknown }) => [stage, reason, entries, lost, unknown]),
      [
        ['kernel', 'ring_full', 1, 3, 0],
        ['sink', 'undecodable', 1, 0, 1],
        ['transport', 'batch_lost', 1, 5, 0],
      ],
    );
    assert.equal(summary.lagMessages, 0);
    assert.equal(summary.lagFlows, 7);
  });

  it('answers SQL with the rows, the losses and the owners', async () => {
    const open = await openLake({ store: readFolderStore(lake) });
    const [counts] = await queryAll(
      open,
      'SELECT count(*) AS n, count(DISTINCT ring_id || flow_number) AS d FROM flows',
    );
    assert.deepEqual(counts, { n: 212, d: 212 });
    const losses = await queryAll(open, 'SELECT reason, flows FROM losses WHERE flows IS NOT NULL ORDER BY flows');
    assert.deepEqual(
      losses.map((row) => row['flows']),
      [3, 5],
    );
    const owners = await queryAll(open, 'SELECT workload, valid_to FROM ownership_history');
    assert.deepEqual(owners, [{ workload: 'web', valid_to: null }]);
    open.close();
  });

  it('names the first, a middle and the last object when it is removed', async () => {
    for (const table of ['flows', 'ownership']) {
      const objects = await names(table);
      assert.ok(objects.length >= 3, `${objects.length} objects of ${table}`);
      for (const [index, code] of [
        [0, 'object_missing'],
        [1, 'object_missing'],
        [objects.length - 1, 'tail_missing'],
      ] as const) {
        const name = objects[index]!;
        await rm(join(lake, name));
        const { findings, ok } = await verify();
        assert.equal(ok, false);
        const text = findings.map((finding) => `${finding.code} ${finding.object} ${finding.message}`).join('\n');
        assert.ok(
          findings.some((finding) => finding.code === code),
          text,
        );
        if (code === 'object_missing') assert.ok(text.includes(`${code} ${name}`), text);
        await cp(join(whole, name), join(lake, name));
      }
    }
  });

  it('accuses no lake of what is stored while it is verified', async () => {
    const last = (await names('flows')).at(-1)!;
    await rm(join(lake, last));
    const log = broker.client();
    const position = log.position.bind(log);
    log.position = async (...asked) => {
      const committed = await position(...asked);
      await cp(join(whole, last), join(lake, last));
      return committed;
    };
    assert.deepEqual((await verify(log)).findings, []);
  });

  it('does not compare with a topic that was made anew', async () => {
    const other = new MemoryBroker();
    await other.client().ensureTopics([{ ...TOPIC, name: TOPICS.enriched }]);
    const { findings, partitions } = await verify(other.client());
    assert.deepEqual(findings, []);
    assert.equal(partitions.find((one) => one.table === 'flows')!.log!.sameLog, false);
  });

  describe('against a log that says otherwise', () => {
    let kept: { start: number; end: number; messages: Message[] };
    beforeEach(() => {
      const { start, end, messages } = broker.partition(TOPICS.enriched, 0);
      kept = { start, end, messages: [...messages] };
    });
    afterEach(() => {
      Object.assign(broker.partition(TOPICS.enriched, 0), kept);
    });
    const codes = async (): Promise<string[]> => (await verify()).findings.map(({ code }) => code);
    const replace = (offset: number, value: Uint8Array): void => {
      broker.partition(TOPICS.enriched, 0).messages[offset] = { ...kept.messages[offset]!, value };
    };

    it('compares only what it still holds', async () => {
      broker.truncate(TOPICS.enriched, 0, 1);
      const { findings, partitions } = await verify();
      assert.deepEqual(findings, []);
      assert.equal(partitions.find((one) => one.table === 'flows')!.log!.comparedFrom, 1);
    });

    it('finds a chain that goes beyond it', async () => {
      broker.partition(TOPICS.enriched, 0).end = 3;
      assert.deepEqual(await codes(), ['beyond_log']);
    });

    it('finds messages that left it before they were stored', async () => {
      broker.skip(TOPICS.enriched, 0, 10);
      broker.truncate(TOPICS.enriched, 0, 12);
      assert.deepEqual(await codes(), ['log_cut']);
    });

    it('finds a stream that it tells further than the chain does', async () => {
      replace(2, batch({ ring: 'r1', first: 105, next: 230 }, { ring: 'r2', first: 0, next: 10 }));
      assert.deepEqual(await codes(), ['stream_short']);
    });

    it('finds a stream that the chain tells further than it does', async () => {
      replace(2, batch({ ring: 'r1', first: 105, next: 190 }, { ring: 'r2', first: 0, next: 10 }));
      assert.deepEqual(await codes(), ['stream_ahead']);
    });

    it('calls what the sink has not stored yet lag, not loss', async () => {
      await send(TOPICS.enriched, batch({ ring: 'r2', first: 20, next: 30 }));
      const { findings, summary } = await verify();
      assert.deepEqual(findings, []);
      assert.equal(summary.lagMessages, 1);
    });
  });

  describe('against the raw log', () => {
    let kept: (readonly [topic: string, was: { start: number; end: number; messages: Message[] }])[];
    let group = '';
    beforeEach(async () => {
      group = enricherGroup((await log.describe(TOPICS.raw)).id);
      kept = [TOPICS.raw, TOPICS.enriched].map((topic) => {
        const { start, end, messages } = broker.partition(topic, 0);
        return [topic, { start, end, messages: [...messages] }];
      });
    });
    afterEach(() => {
      for (const [topic, was] of kept) Object.assign(broker.partition(topic, 0), was);
    });
    const sendRaw = (ring: string, first: number, next: number): Promise<unknown> => {
      const range = { [HEADER.first]: String(first), [HEADER.next]: String(next) };
      const headers = { [HEADER.ring]: ring, [HEADER.seq]: '0', ...range };
      return send(TOPICS.raw, Uint8Array.of(0), headers);
    };

    it('calls what the enricher has not come to lag, and what it has passed without a trace missing', async () => {
      const before = await verify();
      assert.deepEqual([before.findings, before.summary.lagFlows], [[], 7]);
      await log.commit(group, TOPICS.raw, 0, 1 as Offset);
      const { findings, partitions, summary } = await verify();
      assert.deepEqual(
        findings.map(({ code, table, partition }) => [code, table, partition]),
        [['raw_missing', 'flows', 0]],
      );
      assert.match(findings[0]!.message, /at offset 0 of r1 from 200 up to 207.* neither the lake \(up to 200\)/);
      assert.equal(summary.lagFlows, 0);
      assert.equal(partitions.find((one) => one.table === 'flows')!.log!.raw!.judgedTo, 1);
    });

    it('does not miss what waits in the enriched log', async () => {
      await send(TOPICS.enriched, batch({ ring: 'r1', first: 200, next: 207 }));
      const { findings, summary } = await verify();
      assert.deepEqual(findings, []);
      assert.deepEqual([summary.lagMessages, summary.lagFlows], [1, 7]);
    });

    it('is not deceived by repeats, forged numbers and messages that name no stream', async () => {
      await send(TOPICS.enriched, batch({ ring: 'r1', first: 200, next: 207 }));
      await sendRaw('r1', 0, 100);
      await sendRaw('r2', 0, 2 ** 50);
      await sendRaw('r2', 2 ** 41, 2 ** 41 + 10);
      await send(TOPICS.raw, Uint8Array.of(0));
      await sendRaw('r2', 10, 20);
      await log.commit(group, TOPICS.raw, 0, 6 as Offset);
      assert.deepEqual((await verify()).findings, []);
    });

    it('finds a lake that knows more of a stream than was ever sent', async () => {
      broker.partition(TOPICS.raw, 0).messages = [];
      await sendRaw('r2', 0, 10);
      const { findings } = await verify();
      assert.deepEqual(
        findings.map(({ code }) => code),
        ['stream_ahead'],
      );
    });
  });

  it('shows live each flow once, also where a batch is repeated', async () => {
    const controller = new AbortController();
    const flows: TailFlow[] = [];
    for await (const flow of tailFlows({
      log,
      topic: TOPICS.enriched,
      from: 'start',
      filter: { bothEnds: true },
      signal: controller.signal,
    })) {
      flows.push(flow);
      if (flows.length === 212) {
        setTimeout(() => controller.abort(), 300);
      }
    }
    assert.equal(flows.length, 212);
    assert.equal(
      formatTailLine(flows[1]!),
      '22:13:20.919 shop/api:30001 -> shop/db:443 closed 1.0 kB out 1.1 TB in rtt 0.25 ms',
    );
  });

  it('filters live flows: counted once, failed, by a text', async () => {
    const count = async (filter: Parameters<typeof tailFlows>[0]['filter']): Promise<number> => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 100);
      let seen = 0;
      for await (const _ of tailFlows({
        log,
        topic: TOPICS.enriched,
        from: 'start',
        ...(filter === undefined ? {} : { filter }),
        signal: controller.signal,
      }))
        seen++;
      return seen;
    };
    // Odd numbers are the other end's report of a connection that both ends tell.
    const numbers = [...Array(97).keys(), ...Array.from({ length: 95 }, (_, i) => 105 + i), ...Array(20).keys()];
    const counted = numbers.filter((number) => number % 2 === 0);
    assert.equal(await count(undefined), counted.length);
    assert.equal(await count({ failed: true }), counted.filter((number) => number % 3 === 0).length);
    assert.equal(await count({ text: '93.184.216.2' }), counted.filter((number) => number % 8 === 2).length);
    assert.equal(await count({ text: 'nobody' }), 0);
  });
});
