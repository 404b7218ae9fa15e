/** What cannot be read goes to the dead-letter topic as it came, with Kafka Connect's headers (CONTRACT, Topics). */
import type { WeirError } from '../contract/errors.ts';
import { type Assignment, type Message, VALUE_HEADER, VALUE_LEFT_OUT } from '../transport/log.ts';
import type { SinkContext } from './context.ts';

const MESSAGE_CHARACTERS_MAX = 500;

/** At least once: two sinks, or one that starts again, may both send it. */
export async function sendDeadLetter(
  context: Pick<SinkContext, 'log' | 'deadLettersTopic' | 'keepsRefused'>,
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
  const { key } = message;
  const letter = context.keepsRefused
    ? { key, value: message.value, headers }
    : { key, value: new Uint8Array(0), headers: { ...headers, [VALUE_HEADER]: VALUE_LEFT_OUT } };
  await context.log.produce(context.deadLettersTopic, 0, [letter]);
}

/** Values of headers are ASCII. */
function ascii(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?');
}
