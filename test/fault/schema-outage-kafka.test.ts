import { join } from 'node:path';
import { after, before } from 'node:test';
import { openKafkaLog } from '../../transport/kafka/kafka-log.ts';
import { TOPIC_SPECS } from '../fixtures/topic-specs.ts';
import { type KafkaCluster, startKafka } from '../servers/kafka.ts';
import { outageScenario } from './schema-outage-scenario.ts';

let kafka: KafkaCluster;

before(async () => {
  kafka = await startKafka();
});
after(() => kafka.stop());

outageScenario('on Kafka', async (folder) => {
  const log = await openKafkaLog({ brokers: kafka.addresses() });
  await log.ensureTopics(TOPIC_SPECS);
  const transport = ['--transport-kind', 'kafka', '--transport-brokers', kafka.addresses().join()];
  const lake = join(folder, 'lake');
  return { log, transport, reading: [...transport, '--lake-uri', lake], lake };
});
