/** A partition of the log read on, in bounded pieces. */
import type { Log, Message, Offset } from '../../transport/log.ts';

/** One read: a bounded piece of the log in memory. */
const READ_BYTES_MAX = 16 * 1024 * 1024;
const READ_MESSAGES_MAX = 1_000;

/** Everything from an offset to the log's end as it is then, in pieces. */
export async function* messagesOf(log: Log, topic: string, partition: number, from: Offset): AsyncGenerator<Message> {
  for (let next = from; ; ) {
    const read = await log.read(topic, partition, next, {
      messagesMax: READ_MESSAGES_MAX,
      bytesMax: READ_BYTES_MAX,
      waitMs: 0,
    });
    yield* read.messages;
    const last = read.messages.at(-1);
    if (last === undefined) return;
    next = (last.offset + 1) as Offset;
  }
}
