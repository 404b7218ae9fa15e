/** The contract of the log against a real Apache Kafka of one broker. */
import { openKafkaLog } from '../../transport/kafka/kafka-log.ts';
import { startKafka } from '../servers/kafka.ts';
import { transportContract } from './transport-contract.ts';

transportContract('a log on Kafka with one broker', async () => {
  const kafka = await startKafka();
  const open = () => openKafkaLog({ brokers: kafka.addresses() });
  const log = await open();
  return {
    log,
    open,
    end: async () => {
      await log.close();
      await kafka.stop();
    },
  };
});
