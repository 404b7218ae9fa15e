/**
 * The five requests that the lake makes of S3, on @aws-sdk/client-s3, which is loaded here and only when it is needed.
 * The SDK's own retries are off: a PUT that was applied and whose answer was lost would come back from its second try
 * as a 412 that nobody could tell from another writer's. So every answer reaches the caller, who calls again.
 */
import type { Readable } from 'node:stream';
import type * as Sdk from '@aws-sdk/client-s3';
import { fromS3, isBeyondEnd, isNotFound, type S3Request } from './s3-errors.ts';

export interface S3ClientOptions {
  readonly bucket: string;
  /** Of a server that is not AWS. */
  readonly endpoint?: string;
  readonly region: string;
  /** The bucket in the path instead of the host. */
  readonly pathStyle: boolean;
  /** Until an answer counts as lost; a second more for every MiB of the body. */
  readonly timeoutMs: number;
}

export interface S3Object {
  readonly key: string;
  readonly bytes: number;
  readonly etag: string;
}

export interface S3Page {
  readonly objects: readonly S3Object[];
  /** Common prefixes, where a delimiter was asked for. */
  readonly folders: readonly string[];
}

export interface S3Body {
  readonly stream: Readable;
  /** Length of the body. */
  readonly bytes: number;
  readonly etag: string;
  /** Offset of its first byte in the object. */
  readonly start: number;
}

const CONNECT_MS = 5_000;
const BYTES_PER_SECOND_MIN: number = 1024 * 1024;
const SOCKETS_MAX = 64;

/** Everything fails as `fromS3` says. */
export class S3Client {
  readonly #options: S3ClientOptions;
  #sdk: Promise<{ readonly commands: typeof Sdk; readonly client: Sdk.S3Client }> | null = null;

  /** A request was answered well: the credentials are good. */
  #proven = false;

  constructor(options: S3ClientOptions) {
    this.#options = options;
  }

  /** Create, only where the key is free. WEIR_SINK_EXISTS. */
  async put(key: string, body: Buffer, metadata: Readonly<Record<string, string>>, type: string): Promise<void> {
    await this.#send('s3:PutObject', key, body.length, async ({ commands, client, Bucket, abortSignal }) => {
      const command = new commands.PutObjectCommand({
        Bucket,
        Key: key,
        Body: body,
        ContentLength: body.length,
        ContentType: type,
        Metadata: { ...metadata },
        IfNoneMatch: '*',
        ChecksumAlgorithm: 'CRC32',
      });
      await client.send(command, { abortSignal });
    });
  }

  /** Null where there is no such object. */
  head(key: string): Promise<S3Object | null> {
    return this.#send('s3:GetObject', key, 0, async ({ commands, client, Bucket, abortSignal }) => {
      try {
        const answer = await client.send(new commands.HeadObjectCommand({ Bucket, Key: key }), { abortSignal });
        return { key, bytes: answer.ContentLength ?? 0, etag: answer.ETag ?? '' };
      } catch (error) {
        if (isNotFound(error)) return null;
        throw error;
      }
    });
  }

  /** One page at a time, by key ascending. */
  async *list(prefix: string, delimiter: string | null): AsyncGenerator<S3Page> {
    let token: string | undefined;
    do {
      const page = await this.#page(prefix, delimiter, token);
      const decode = page.EncodingType === 'url' ? decodeKey : (text: string): string => text;
      const objects = (page.Contents ?? []).map((object) => ({
        key: decode(object.Key ?? ''),
        bytes: object.Size ?? 0,
        etag: object.ETag ?? '',
      }));
      yield { objects, folders: (page.CommonPrefixes ?? []).map((folder) => decode(folder.Prefix ?? '')) };
      token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  /**
   * The object, or [start, end) of it; null where the range lies beyond its end. The caller reads the stream or
   * destroys it; the time-out covers the reading too.
   */
  get(
    key: string,
    range: { readonly start: number; readonly end: number } | null,
    bytes: number,
  ): Promise<S3Body | null> {
    return this.#send('s3:GetObject', key, bytes, async ({ commands, client, Bucket, abortSignal }) => {
      const part =
        range === null ? { ChecksumMode: 'ENABLED' as const } : { Range: `bytes=${range.start}-${range.end - 1}` };
      try {
        const answer = await client.send(new commands.GetObjectCommand({ Bucket, Key: key, ...part }), { abortSignal });
        const stream = answer.Body as Readable;
        // A time-out after the head of the answer must end the body as well.
        const end = (): void => void stream.destroy(new Error('the answer took too long'));
        abortSignal.addEventListener('abort', end, { once: true });
        stream.once('close', () => abortSignal.removeEventListener('abort', end));
        return {
          stream,
          bytes: answer.ContentLength ?? 0,
          etag: answer.ETag ?? '',
          start: startOf(answer.ContentRange),
        };
      } catch (error) {
        if (range !== null && isBeyondEnd(error)) return null;
        throw error;
      }
    });
  }

  /** Close its connections; requests under way fail. */
  async close(): Promise<void> {
    const sdk = this.#sdk;
    this.#sdk = null;
    if (sdk !== null) (await sdk).client.destroy();
  }

  #page(prefix: string, delimiter: string | null, token: string | undefined): Promise<Sdk.ListObjectsV2CommandOutput> {
    return this.#send('s3:ListBucket', prefix, 0, ({ commands, client, Bucket, abortSignal }) =>
      client.send(
        new commands.ListObjectsV2Command({
          Bucket,
          Prefix: prefix,
          EncodingType: 'url',
          ...(delimiter === null ? {} : { Delimiter: delimiter }),
          ...(token === undefined ? {} : { ContinuationToken: token }),
        }),
        { abortSignal },
      ),
    );
  }

  async #send<T>(
    action: S3Request['action'],
    key: string,
    bytes: number,
    work: (with_: {
      readonly commands: typeof Sdk;
      readonly client: Sdk.S3Client;
      readonly Bucket: string;
      readonly abortSignal: AbortSignal;
    }) => Promise<T>,
  ): Promise<T> {
    const { bucket, timeoutMs } = this.#options;
    try {
      const sdk = await this.#load();
      const ms = timeoutMs + Math.ceil((1000 * bytes) / BYTES_PER_SECOND_MIN);
      const result = await work({ ...sdk, Bucket: bucket, abortSignal: AbortSignal.timeout(ms) });
      this.#proven = true;
      return result;
    } catch (error) {
      throw fromS3(error, { action, bucket, key }, this.#proven);
    }
  }

  #load() {
    this.#sdk ??= this.#open();
    return this.#sdk;
  }

  async #open() {
    const commands = await import('@aws-sdk/client-s3');
    const { endpoint, region, pathStyle } = this.#options;
    const client = new commands.S3Client({
      region,
      forcePathStyle: pathStyle,
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_SUPPORTED',
      responseChecksumValidation: 'WHEN_SUPPORTED',
      requestHandler: {
        connectionTimeout: CONNECT_MS,
        httpAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
        httpsAgent: { keepAlive: true, maxSockets: SOCKETS_MAX },
      },
      ...(endpoint === undefined ? {} : { endpoint }),
    });
    return { commands, client };
  }
}

/** `bytes 100-199/1000`; without it the answer is the whole object. */
function startOf(range: string | undefined): number {
  const match = /^bytes (\d+)-/.exec(range ?? '');
  return match === null ? 0 : Number(match[1]);
}

/** Keys as a form writes them: S3 puts `+` for a space. */
function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '));
  } catch (error) {
    // A server that says `url` and does not encode.
    if (error instanceof URIError) return key;
    throw error;
  }
}
