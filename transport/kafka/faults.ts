/** What went wrong at the edge to Kafka, as Weir's errors. Callers branch on the disposition, never on a message. */
import { type ErrorCode, type ErrorContext, WeirError } from '../../contract/errors.ts';
import {
  CREDENTIALS,
  FENCED,
  KAFKA_ERROR,
  ProtocolError,
  RIGHTS,
  STALE_COORDINATOR,
  STALE_METADATA,
  TOO_LARGE,
} from './protocol/error-codes.ts';

/** No answer, or no connection: whether the request was applied is not known. */
export class ConnectionLost extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ConnectionLost';
  }
}

/** The broker did not take our credentials, or the server is not whom we trust. */
export class CredentialsRefused extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'CredentialsRefused';
  }
}

/** A broker's answer is cut or makes no sense. */
export class AnswerUnreadable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'AnswerUnreadable';
  }
}

/** A failed connect: kafkajs' SASL errors and Node's certificate errors are told apart from a peer that is away. */
export function connectFault(error: unknown, where: string): Error {
  const { name, message } = error instanceof Error ? error : { name: '', message: String(error) };
  const says = `${where}: ${message}`;
  if (name.includes('SASLAuthentication') || isCode(error, CREDENTIALS)) return new CredentialsRefused(says, error);
  if (/certificate|self[- ]signed|CERT_|issuer|altnames/i.test(message)) return new CredentialsRefused(says, error);
  return new ConnectionLost(says, error);
}

const isCode = (error: unknown, codes: ReadonlySet<number>): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' && codes.has(error.code);

export type Remedy = 'metadata' | 'coordinator' | 'again' | 'none';

/** What to do before the same call is tried again; `none`: trying again does not help. */
export function remedyOf(error: unknown): Remedy {
  if (error instanceof ConnectionLost) return 'metadata';
  // A broker that has just started may not know its users yet.
  if (error instanceof AnswerUnreadable || error instanceof CredentialsRefused) return 'again';
  if (!(error instanceof ProtocolError)) return 'none';
  if (STALE_METADATA.has(error.code)) return 'metadata';
  if (STALE_COORDINATOR.has(error.code)) return 'coordinator';
  return codeOf(error.code) === 'WEIR_TRANSPORT_UNAVAILABLE' ? 'again' : 'none';
}

/** Of a broker's refusal; what is not named may pass by itself. */
function codeOf(code: number): ErrorCode {
  if (code === KAFKA_ERROR.unknownTopicOrPartition) return 'WEIR_TRANSPORT_UNKNOWN_TOPIC';
  if (code === KAFKA_ERROR.invalidTopic) return 'WEIR_TRANSPORT_UNKNOWN_TOPIC';
  if (code === KAFKA_ERROR.offsetOutOfRange) return 'WEIR_TRANSPORT_OUT_OF_RANGE';
  if (code === KAFKA_ERROR.unsupportedVersion) return 'WEIR_TRANSPORT_BROKER_VERSION';
  if (code === KAFKA_ERROR.invalidRecord) return 'WEIR_TRANSPORT_TOPIC_MISMATCH';
  if (TOO_LARGE.has(code)) return 'WEIR_TRANSPORT_MESSAGE_TOO_LARGE';
  if (RIGHTS.has(code)) return 'WEIR_TRANSPORT_RIGHTS';
  if (CREDENTIALS.has(code)) return 'WEIR_TRANSPORT_CREDENTIALS';
  if (FENCED.has(code)) return 'WEIR_TRANSPORT_FENCED';
  return 'WEIR_TRANSPORT_UNAVAILABLE';
}

const ADVICE: Partial<Record<ErrorCode, string>> = {
  WEIR_TRANSPORT_UNKNOWN_TOPIC: 'make it with weir topics',
  WEIR_TRANSPORT_RIGHTS: "let the broker's administrator grant them",
  WEIR_TRANSPORT_CREDENTIALS: 'look at transport.sasl, its user and password, and transport.tls',
  WEIR_TRANSPORT_BROKER_VERSION: 'Weir needs Apache Kafka 3.1 or newer',
};

/** Anything thrown below, as a WeirError; one that is already stays as it is. */
export function weirError(error: unknown, what: string, context: ErrorContext = {}): WeirError {
  if (error instanceof WeirError) return error;
  const code = errorCode(error);
  const detail = error instanceof Error ? error.message : String(error);
  const advice = ADVICE[code];
  return new WeirError(code, `${what}: ${detail}${advice === undefined ? '' : `; ${advice}`}`, context, error);
}

function errorCode(error: unknown): ErrorCode {
  if (error instanceof ProtocolError) return codeOf(error.code);
  if (error instanceof CredentialsRefused) return 'WEIR_TRANSPORT_CREDENTIALS';
  if (error instanceof ConnectionLost || error instanceof AnswerUnreadable) return 'WEIR_TRANSPORT_UNAVAILABLE';
  return 'WEIR_INTERNAL';
}
