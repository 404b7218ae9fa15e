/** What cannot be read goes to the dead-letter topic as it came, with Kafka Connect's headers (CONTRACT, Topics). */
import type { WeirError } from '../contract/errors.ts';
import type { Assignment, Message } from '../transport/log.ts';
import type { SinkContext } from './context.ts';

const MESSAGE_CHARACTERS_MAX = 500;

/** At least once: two sinks, or one that starts again, may both send it. */
export async function sendDeadLetter(
  context: Pick<SinkContext, 'log' | 'deadLettersTopic'>,
  assignment: Assignment,
  message: Message,
  error: WeirError,
): Promise<void> {
  if (context.deadLettersTopic === null) return;
  const headers = {
    ...message.headers,
    '__connect.errors.topic': assignment.topic,
    '__connect.errors.partition': String(assignment.partition),
    '__connect.errors.offset': String(message.offset),
    '__connect.errors.stage': 'sink',
    '__connect.errors.exception.class.name': error.code,
    '__connect.errors.exception.message': ascii(error.message).slice(0, MESSAGE_CHARACTERS_MAX),
  };
  await context.log.produce(context.deadLettersTopic, 0, [{ key: message.key, value: message.value, headers }]);
}

/** Values of headers are ASCII. */
function ascii(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?');
}
