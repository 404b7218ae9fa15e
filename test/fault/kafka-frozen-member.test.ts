/** A member that was frozen past its session: another takes over, and the woken one does nothing of what is not its own. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type KafkaLog, openKafkaLog } from '../../transport/kafka/kafka-log.ts';
import { message, offset, topicSpec } from '../integration/transport-contract.ts';
import { API, FaultProxy } from '../servers/fault-proxy.ts';
import { type KafkaCluster, startKafka } from '../servers/kafka.ts';
import { Working } from './kafka-workload.ts';

const CHILD = fileURLToPath(new URL('./kafka-member-child.ts', import.meta.url));
const SESSION_MS = 1_500;

let proxy: FaultProxy;
let kafka: KafkaCluster;
let log: KafkaLog;

const open = (limits: object = {}): Promise<KafkaLog> =>
  openKafkaLog({
    brokers: [`127.0.0.1:${proxy.port}`],
    limits: { sessionMs: SESSION_MS, heartbeatMs: 200, ...limits },
  });

before(async () => {
  proxy = await FaultProxy.start(11);
  kafka = await startKafka({ advertisedPorts: [proxy.port] });
  proxy.target = kafka.ports[0]?.plain ?? 0;
  log = await open();
});
after(async () => {
  proxy.calm();
  await log.close();
  await kafka.stop();
  await proxy.stop();
});

const newTopic = async (): Promise<string> => {
  const spec = topicSpec({ partitions: 1 });
  await log.ensureTopics([spec]);
  return spec.name;
};

class Child {
  readonly lines: string[] = [];
  readonly process: ChildProcess;

  constructor(group: string, topic: string) {
    const args = [CHILD, `127.0.0.1:${proxy.port}`, group, topic, String(SESSION_MS)];
    this.process = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let rest = '';
    this.process.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      this.lines.push(...lines);
    });
  }

  async says(wanted: string): Promise<void> {
    for (let tries = 0; !this.lines.some((line) => line.startsWith(wanted)); tries++) {
      assert.ok(tries < 800, `${wanted}, but it said ${this.lines.join('; ')}`);
      await pause(25);
    }
  }

  async end(): Promise<void> {
    const exit = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await exit;
  }
}

test('a frozen member wakes up to nothing: no message handed over, no commit taken, its partition given back', async () => {
  const topic = await newTopic();
  const group = `g.${randomUUID()}`;
  const child = new Child(group, topic);
  try {
    await child.says('given 0');
    await log.produce(topic, 0, [message('before')]);
    await child.says('committed 1');
    // Its read waits at the broker, and is answered while it is frozen: the messages are in its socket when it wakes.
    await pause(300);
    child.process.kill('SIGSTOP');
    const working = new Working(log, group, topic);
    await working.join();
    for (let index = 0; index < 20; index++) await log.produce(topic, 0, [message(String(index))]);
    await working.more(1, 15_000);
    const known = child.lines.length;
    child.process.kill('SIGCONT');
    await child.says('taken 0');
    await pause(500);
    const after = child.lines.slice(known);
    assert.deepEqual(
      after.filter((line) => line.startsWith('message') || line.startsWith('committed')),
      [],
    );
    assert.equal(await log.position(group, topic, 0), 21);
    await working.leave();
    await child.says('given 0');
  } finally {
    await child.end();
  }
});

test('a commit of a member whose partition another has is refused, and moves nothing', async () => {
  const topic = await newTopic();
  const group = `g.${randomUUID()}`;
  await log.produce(topic, 0, [message('a'), message('b')]);
  const cut = await open();
  let isGiven = false;
  const { done } = await cut.join(group, topic, async ({ signal }) => {
    isGiven = true;
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    // Drains for longer than its session, as a stage whose store is away.
    await assert.rejects(cut.commit(group, topic, 0, offset(2)), { code: 'WEIR_TRANSPORT_FENCED' });
  });
  for (let tries = 0; !isGiven; tries++) {
    assert.ok(tries < 400);
    await pause(25);
  }
  proxy.swallowAnswers(API.heartbeat, 1_000);
  await pause(2 * SESSION_MS);
  proxy.calm();
  assert.equal(await log.position(group, topic, 0), null);
  await cut.close();
  await done;
});

test('assigned, behind, and nothing comes: the member begins anew on new connections', async () => {
  const topic = await newTopic();
  const group = `g.${randomUUID()}`;
  const stalling = await open({ answerMs: 60_000, stallMs: 1_500 });
  const working = new Working(stalling, group, topic);
  try {
    await working.join();
    await log.produce(topic, 0, [message('a')]);
    await working.more(1, 10_000);
    // The fetch under way is never answered, while heartbeats are: kafkajs would wait for it as long as it takes.
    const before = proxy.counts.answerSwallowed;
    proxy.swallowAnswers(API.fetch, 1);
    await pause(700);
    assert.equal(proxy.counts.answerSwallowed - before, 1);
    await log.produce(topic, 0, [message('b')]);
    await working.more(1, 15_000);
    assert.deepEqual(
      working.seen.map(({ value }) => value),
      ['a', 'b'],
    );
  } finally {
    proxy.calm();
    await stalling.close();
  }
});
