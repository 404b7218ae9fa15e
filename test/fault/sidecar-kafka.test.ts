/** weir sidecar over Apache Kafka: a broker that is killed while connections come and go, and partitions that are added. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs from 'kafkajs';
import { openKafkaLog } from '../../transport/kafka/kafka-log.ts';
import { ended, killed, Scene, Stage } from '../bpf/sidecar-scene.ts';
import { foldRaw } from '../fixtures/raw-stream.ts';
import { type KafkaCluster, startKafka } from '../servers/kafka.ts';
import { checkGrowth } from './sidecar-growth.ts';

const { Kafka, logLevel } = kafkajs;

let stage: Stage;
let kafka: KafkaCluster;
before(async () => {
  kafka = await startKafka();
  stage = new Stage();
});
after(async () => {
  await stage.remove();
  await kafka.stop();
});

const open = (): ReturnType<typeof openKafkaLog> =>
  openKafkaLog({ brokers: kafka.addresses(), limits: { metadataMs: 1_000 } });

test('the broker is killed, then the sidecar: spool, plan and ring together bring every end once', async () => {
  const flags = ['--transport-kind', 'kafka', '--transport-brokers', kafka.addresses().join(',')];
  const scene = new Scene(stage, 'kafka', { flags, open });
  const ring = ['--sidecar-ring-bytes', '256KiB', '--sidecar-ring-poll', '20ms'];
  const spool = ['--sidecar-spool', join(scene.data, 'spool'), ...ring];
  await scene.begin();
  let weir = await scene.start(...spool);
  await stage.connect(7701, 20);
  await sleep(500);
  await kafka.brokers[0]!.kill();
  for (let i = 0; i < 14; i++) {
    await stage.connect(7710 + i, 50);
    await sleep(100);
  }
  assert.match(weir.log(), /batches wait in the spool/);
  await killed(weir);
  await stage.connect(7702, 30);
  await kafka.brokers[0]!.start();
  weir = await scene.start(...spool);
  assert.match(weir.log(), /"adopted":true/);
  await stage.connect(7703, 10);
  await sleep(500);
  await ended(weir);

  const folded = foldRaw(await scene.messages());
  assert.deepEqual([folded.missing, folded.lost, folded.next.size], [0, {}, 1]);
  assert.equal(folded.flows, 2 * (20 + 14 * 50 + 30 + 10));
  const connections = folded.batches.flatMap(({ flows }) => [...flows.connectionId.subarray(0, flows.length)]);
  assert.equal(new Set(connections).size, folded.flows, 'every end in a row of its own, once');
});

test('partitions are added to a topic of Kafka while the sidecar runs', async () => {
  await checkGrowth(open, async (topic, count) => {
    const admin = new Kafka({ brokers: kafka.addresses(), logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.createPartitions({ topicPartitions: [{ topic, count }] });
    await admin.disconnect();
  });
});
