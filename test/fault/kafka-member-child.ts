/** A member of a group in a process of its own, to be frozen: prints a line for each thing that happens to it. */
import { WeirError } from '../../contract/errors.ts';
import { openKafkaLog } from '../../transport/kafka/kafka-log.ts';
import { offset } from '../integration/transport-contract.ts';

const [brokers = '', group = '', topic = '', sessionMs = ''] = process.argv.slice(2);
const say = (line: string): void => void process.stdout.write(`${line}\n`);

const log = await openKafkaLog({
  brokers: brokers.split(','),
  limits: { sessionMs: Number(sessionMs), heartbeatMs: 200, connectMs: 2_000, answerMs: 3_000 },
});
await log.join(group, topic, async ({ partition, signal }) => {
  say(`given ${partition}`);
  let next = (await log.position(group, topic, partition)) ?? offset(0);
  while (!signal.aborted) {
    try {
      const options = { messagesMax: 100, bytesMax: 1 << 20, waitMs: 2_000, signal };
      const { messages } = await log.read(topic, partition, next, options);
      for (const each of messages) say(`message ${each.offset}`);
      if (messages.length === 0) continue;
      const last = messages.at(-1)?.offset ?? 0;
      await log.commit(group, topic, partition, offset(last + 1));
      next = offset(last + 1);
      say(`committed ${next}`);
    } catch (error) {
      if (!(error instanceof WeirError) || error.disposition !== 'retry') throw error;
      say(`refused ${error.code}`);
    }
  }
  say(`taken ${partition}`);
});
