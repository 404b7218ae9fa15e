/** A refused message as it came, with the headers that Kafka Connect's dead letters have. */
import {
  HEADER,
  type Headers,
  type Message,
  type OutgoingMessage,
  VALUE_HEADER,
  VALUE_LEFT_OUT,
} from '../transport/log.ts';
import type { Refusal } from './enrich.ts';

const PREFIX = '__connect.errors.';
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
    headers: { ...headers, [VALUE_HEADER]: VALUE_LEFT_OUT },
  };
}

/** A dead letter as it is read again, whichever stage wrote it. */
export interface Letter {
  /** In the dead-letter topic. */
  readonly message: Message;
  /** Where the refused message stood. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly stage: string;
  readonly code: string;
  readonly why: string;
  /** Those that the refused message came with. */
  readonly headers: Headers;
  /** Empty, or why its bytes were left out. */
  readonly valueLeftOut: string;
}

/** Null where it does not say where it comes from: not one of ours. */
export function parseLetter(message: Message): Letter | null {
  const of = (name: string): string => message.headers[PREFIX + name] ?? '';
  const whole = (name: string): number => (/^\d{1,15}$/.test(of(name)) ? Number(of(name)) : -1);
  const partition = whole('partition');
  const offset = whole('offset');
  if (of('topic') === '' || partition < 0 || offset < 0) return null;
  const own = Object.entries(message.headers).filter(([name]) => !name.startsWith(PREFIX) && name !== VALUE_HEADER);
  return {
    message,
    topic: of('topic'),
    partition,
    offset,
    stage: of('stage'),
    code: of('exception.class.name'),
    why: of('exception.message'),
    headers: Object.fromEntries(own),
    valueLeftOut: message.headers[VALUE_HEADER] ?? '',
  };
}

/** Whether a message's range may be told from its headers; for the log line. */
export const ringOf = ({ headers }: Message): string => headers[HEADER.ring] ?? '';

/** Header values are ASCII; what an error quotes may be anything. */
function ascii(text: string): string {
  return text.slice(0, MESSAGE_CHARACTERS_MAX).replaceAll(/[^\x20-\x7e]/g, '?');
}
