/**
 * From what an S3 server answers, or does not, to Weir's errors.
 * Codes: Amazon S3 API reference, "Error responses"; other servers use the same ones.
 */
import { type ErrorCode, WeirError } from '../../contract/errors.ts';
import { isFileSystemError } from './file-errors.ts';

/** What was asked: the action as a policy names it, for messages. */
export interface S3Request {
  readonly action: 's3:PutObject' | 's3:GetObject' | 's3:ListBucket';
  readonly bucket: string;
  /** The key; of a list the prefix. */
  readonly key: string;
}

/** The part of the SDK's errors that is looked at. */
interface Answer {
  readonly name: string;
  readonly message: string;
  /** Null: there was no answer, or none that could be read. */
  readonly status: number | null;
  readonly region: string | null;
}

/** By the server's own code, before its status. */
const BY_NAME: Readonly<Record<string, ErrorCode>> = {
  PreconditionFailed: 'WEIR_SINK_EXISTS',
  NoSuchBucket: 'WEIR_SINK_STORE_MISSING',
  NotImplemented: 'WEIR_SINK_STORE_CONDITION',
  QuotaExceeded: 'WEIR_SINK_STORE_FULL',
  EntityTooLarge: 'WEIR_SINK_STORE_REFUSED',
  XMinioStorageFull: 'WEIR_SINK_STORE_FULL',
  // Damaged on the way, or cut: the same bytes are sent again.
  BadDigest: 'WEIR_SINK_STORE_UNAVAILABLE',
  XAmzContentSHA256Mismatch: 'WEIR_SINK_STORE_UNAVAILABLE',
  XAmzContentChecksumMismatch: 'WEIR_SINK_STORE_UNAVAILABLE',
  IncompleteBody: 'WEIR_SINK_STORE_UNAVAILABLE',
  RequestTimeout: 'WEIR_SINK_STORE_UNAVAILABLE',
  // The SDK takes the server's clock from this very answer, and new credentials when the old ones are over.
  RequestTimeTooSkewed: 'WEIR_SINK_STORE_UNAVAILABLE',
  ExpiredToken: 'WEIR_SINK_STORE_UNAVAILABLE',
  ExpiredTokenException: 'WEIR_SINK_STORE_UNAVAILABLE',
  TokenRefreshRequired: 'WEIR_SINK_STORE_UNAVAILABLE',
};

const REGION_NAMES: ReadonlySet<string> = new Set([
  'PermanentRedirect',
  'AuthorizationHeaderMalformed',
  'IllegalLocationConstraintException',
]);

function byStatus(status: number): ErrorCode {
  if (status === 412) return 'WEIR_SINK_EXISTS';
  if (status === 401 || status === 403) return 'WEIR_SINK_STORE_RIGHTS';
  if (status === 501) return 'WEIR_SINK_STORE_CONDITION';
  if (status === 507) return 'WEIR_SINK_STORE_FULL';
  // 404 of an object: it may be there in a moment, as a file that is not there. 409: another PUT is under way.
  if (status === 404 || status === 408 || status === 409 || status === 425 || status === 429 || status >= 500) {
    return 'WEIR_SINK_STORE_UNAVAILABLE';
  }
  return status >= 400 ? 'WEIR_SINK_STORE_REFUSED' : 'WEIR_SINK_STORE_UNAVAILABLE';
}

/**
 * WEIR_SINK_EXISTS: 412. retry: no answer, 409, 429, 5xx, cut connections: whether it was applied is unknown.
 * fatal: no rights, no bucket, wrong region, a request that is refused as wrong.
 * @param provenBefore the credentials worked already: where none can be had now, their source is away.
 */
export function fromS3(error: unknown, request: S3Request, provenBefore: boolean = false): WeirError {
  if (error instanceof WeirError) return error;
  const answer = answerOf(error);
  const { action, bucket, key } = request;
  const what = `${action} on bucket ${bucket} (${key === '' ? 'its root' : key})`;
  const said = `${answer.status ?? 'no answer'} ${answer.name}${answer.message === '' ? '' : `: ${answer.message}`}`;
  const context = { bucket, key, action, status: answer.status, said: answer.name };
  const make = (code: ErrorCode, message: string): WeirError =>
    new WeirError(code, message, context, cleanCause(error));
  if (REGION_NAMES.has(answer.name) || (answer.status !== null && answer.status >= 300 && answer.status < 400)) {
    const where = answer.region === null ? 'another region' : `region ${answer.region}`;
    return make('WEIR_CONFIG_INVALID', `bucket ${bucket} is in ${where}; set lake.region or lake.endpoint (${said})`);
  }
  if (answer.name === 'CredentialsProviderError') {
    const ways = 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, or give the machine a role';
    const code = provenBefore ? 'WEIR_SINK_STORE_UNAVAILABLE' : 'WEIR_SINK_STORE_RIGHTS';
    return make(code, `no credentials for ${what}; ${ways} (${answer.message})`);
  }
  const code = BY_NAME[answer.name] ?? (answer.status === null ? noAnswer(error) : byStatus(answer.status));
  return make(code, messageOf(code, what, said, bucket));
}

function messageOf(code: ErrorCode, what: string, said: string, bucket: string): string {
  if (code === 'WEIR_SINK_STORE_MISSING') return `there is no bucket ${bucket}; make it, or correct lake.uri (${said})`;
  if (code === 'WEIR_SINK_STORE_RIGHTS') return `no rights for ${what}; grant them to these credentials (${said})`;
  if (code === 'WEIR_SINK_EXISTS') return `${what}: the name is taken`;
  if (code === 'WEIR_SINK_STORE_CONDITION') return `${what}: the server does not know If-None-Match (${said})`;
  if (code === 'WEIR_SINK_STORE_FULL')
    return `there is no room for ${what}: it is full; free space or raise its quota (${said})`;
  return `${what} failed: ${said}`;
}

/** The SDK's errors carry the request with its signature, and the server's view of it: only their words are kept. */
function cleanCause(error: unknown): Error {
  const cause = new Error(error instanceof Error ? error.message : String(error));
  if (error instanceof Error) {
    cause.name = error.name;
    if (error.stack !== undefined) cause.stack = error.stack;
  }
  return cause;
}

/** A local file that cannot be read is not the server's fault. */
function noAnswer(error: unknown): ErrorCode {
  if (isFileSystemError(error, 'ENOSPC', 'EDQUOT')) return 'WEIR_SINK_STORE_FULL';
  return 'WEIR_SINK_STORE_UNAVAILABLE';
}

function answerOf(error: unknown): Answer {
  if (!(error instanceof Error)) return { name: 'unknown', message: String(error), status: null, region: null };
  const fields = error as Error & {
    readonly code?: unknown;
    readonly Code?: unknown;
    readonly Region?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: number };
    readonly $response?: { readonly statusCode?: number; readonly headers?: Readonly<Record<string, string>> };
  };
  const status = fields.$metadata?.httpStatusCode ?? fields.$response?.statusCode ?? null;
  const named = [fields.Code, error.name, fields.code].find(
    (name): name is string => typeof name === 'string' && name !== '' && name !== 'Error' && name !== 'UnknownError',
  );
  const region = fields.$response?.headers?.['x-amz-bucket-region'] ?? fields.Region;
  return {
    name: named ?? 'Error',
    // The messages of some servers go on for lines; none of them holds a secret, but none is needed whole.
    message: error.message === 'UnknownError' ? '' : error.message.replaceAll(/\s+/g, ' ').slice(0, 300),
    status,
    region: typeof region === 'string' ? region : null,
  };
}

/** Whether an answer to a HEAD or GET says that there is no such object. */
export function isNotFound(error: unknown): boolean {
  const { name, status } = answerOf(error);
  return status === 404 && name !== 'NoSuchBucket';
}

/** A range that begins at or after the object's end. */
export function isBeyondEnd(error: unknown): boolean {
  return answerOf(error).status === 416;
}
