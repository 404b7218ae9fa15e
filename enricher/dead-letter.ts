/** A refused message as it came, with the headers that Kafka Connect's dead letters have. */
import { HEADER, type Message, type OutgoingMessage } from '../transport/log.ts';
import type { Refusal } from './enrich.ts';

const PREFIX = '__connect.errors.';
/** Why the value is not there. */
const VALUE_HEADER = 'weir-value';
const MESSAGE_CHARACTERS_MAX = 1000;

export function deadLetter(
  message: Message,
  topic: string,
  partition: number,
  refusal: Refusal,
  keepsValue = true,
): OutgoingMessage {
  const headers = {
    ...message.headers,
    [`${PREFIX}topic`]: topic,
    [`${PREFIX}partition`]: String(partition),
    [`${PREFIX}offset`]: String(message.offset),
    [`${PREFIX}stage`]: 'enricher',
    [`${PREFIX}exception.class.name`]: refusal.code,
    [`${PREFIX}exception.message`]: ascii(refusal.message),
  };
  if (keepsValue) return { key: message.key, value: message.value, headers };
  return {
    key: message.key,
    value: new Uint8Array(0),
    headers: { ...headers, [VALUE_HEADER]: 'left out by privacy.externalAddresses' },
  };
}

/** Whether a message's range may be told from its headers; for the log line. */
export const ringOf = ({ headers }: Message): string => headers[HEADER.ring] ?? '';

/** Header values are ASCII; what an error quotes may be anything. */
function ascii(text: string): string {
  return text.slice(0, MESSAGE_CHARACTERS_MAX).replaceAll(/[^\x20-\x7e]/g, '?');
}
