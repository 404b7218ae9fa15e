/**
 * The lake in a bucket. The condition is `If-None-Match: *` on PutObject: whoever is first wins, and what becomes
 * visible is whole. Objects go up in one request each, with a checksum (CRC32) that the server compares.
 *
 * An answer may be lost after the object was made. Nothing here tries a PUT again by itself; the caller calls with the
 * same name until it gets an answer, and then meets its own object as WEIR_SINK_EXISTS. That is no mistake: it takes
 * over what stands there, as from any other writer, and the object's own metadata (`weir-writer`) tells it whose it is.
 * Reads are tried again here, a few times: they change nothing.
 */
import { randomInt } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../contract/clock.ts';
import { WeirError } from '../../contract/errors.ts';
import type { Logger } from '../../contract/log.ts';
import type { Store, StoredObject } from '../../contract/store.ts';
import { FileCache } from './file-cache.ts';
import { fromFileSystem, isFileSystemError } from './file-errors.ts';
import { probeCondition } from './probe.ts';
import { type S3Body, S3Client } from './s3-client.ts';
import { fromS3 } from './s3-errors.ts';
import { isName, parseS3Uri, type S3Place } from './s3-uri.ts';

export interface S3StoreOptions {
  /** `s3://bucket/prefix`. */
  readonly uri: string;
  /** Of a server that is not AWS. */
  readonly endpoint?: string;
  readonly region?: string;
  readonly pathStyle?: boolean;
  /** On this machine: temporary files, and copies of what is read whole. */
  readonly cacheDir: string;
  readonly cacheBytesMax: number;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Until an answer counts as lost; a second more for every MiB sent. */
  readonly timeoutMs?: number;
}

export interface S3Store extends Store {
  /** Give back what `localPath` holds, and the connections. */
  close(): Promise<void>;
}

const REGION = 'us-east-1';
const TIMEOUT_MS = 30_000;
/** Tries of a read, the pauses between them doubled from the first: 3 s in all. */
const READ_TRIES = 5;
const READ_PAUSE_MS = 200;
/** Tries of the probe: a server that is just starting, or says 409 to two sinks that probe at once. */
const PROBE_TRIES = 6;
const PROBE = '_probe/condition';
/** Versions of listed objects that are remembered, some 200 bytes each. */
const KNOWN_MAX = 200_000;
/** The largest body of one PutObject. */
const PUT_BYTES_MAX: number = 5 * 1024 ** 3;

/** What only a file says, never a socket. */
const LOCAL_CODES = ['ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EEXIST', 'ENOENT'] as const;

const CONTENT_TYPES: readonly (readonly [ending: string, type: string])[] = [
  ['.parquet', 'application/vnd.apache.parquet'],
  ['.avro', 'avro/binary'],
];

/**
 * Open for writing: probe that the server honours the condition. Credentials come by the SDK's default chain.
 * Fails: WEIR_CONFIG_INVALID (the URI, the region), WEIR_SINK_STORE_CONDITION, WEIR_SINK_STORE_RIGHTS,
 * WEIR_SINK_STORE_MISSING, WEIR_SINK_STORE_UNAVAILABLE.
 */
export async function openS3Store(options: S3StoreOptions): Promise<S3Store> {
  const store = new BucketStore(options);
  try {
    await store.open();
  } catch (error) {
    await store.close();
    throw error;
  }
  return store;
}

/** For readers: asks nothing, writes nothing. WEIR_CONFIG_INVALID. */
export function readS3Store(options: S3StoreOptions): S3Store {
  return new BucketStore(options);
}

interface Known {
  readonly bytes: number;
  readonly etag: string;
}

class BucketStore implements S3Store {
  readonly where: string;
  readonly #place: S3Place;
  readonly #client: S3Client;
  readonly #cache: FileCache;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Names every object among all servers. */
  readonly #identity: string;
  readonly #known = new LRUCache<string, Known>({ max: KNOWN_MAX });

  constructor(options: S3StoreOptions) {
    const { uri, endpoint, region = REGION, pathStyle = false, timeoutMs = TIMEOUT_MS } = options;
    this.#place = parseS3Uri(uri);
    const { bucket, prefix } = this.#place;
    this.where = `s3://${bucket}/${prefix}`.replace(/\/$/, '');
    this.#client = new S3Client({
      bucket,
      region,
      pathStyle,
      timeoutMs,
      ...(endpoint === undefined || endpoint === '' ? {} : { endpoint }),
    });
    this.#identity = `${endpoint ?? ''}\0${bucket}\0${prefix}`;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#cache = new FileCache({ folder: options.cacheDir, bytesMax: options.cacheBytesMax, clock: options.clock });
  }

  async open(): Promise<void> {
    await this.#cache.open();
    await this.#again(PROBE_TRIES, () => probeCondition(this, PROBE));
  }

  async create(name: string, file: string, metadata: Readonly<Record<string, string>>): Promise<void> {
    const key = this.#key(name);
    let body: Buffer;
    try {
      body = await readFile(file);
    } catch (error) {
      throw fromFileSystem(error, `read ${file} for ${name}`, this.where);
    }
    await this.#put(name, key, body, metadata);
  }

  async createBytes(name: string, bytes: Uint8Array, metadata: Readonly<Record<string, string>>): Promise<void> {
    const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    await this.#put(name, this.#key(name), body, metadata);
  }

  async stat(name: string): Promise<StoredObject | null> {
    const found = await this.#head(name);
    return found === null ? null : { name, bytes: found.bytes };
  }

  async list(prefix: string): Promise<readonly StoredObject[]> {
    const root = this.#prefix(prefix);
    const found = await this.#again(READ_TRIES, async () => {
      const objects: StoredObject[] = [];
      for await (const page of this.#client.list(root, null)) {
        for (const { key, bytes, etag } of page.objects) {
          // Consoles make empty objects to show a folder; no reader of tables sees them.
          if (key.endsWith('/')) continue;
          const name = key.slice(this.#place.prefix.length);
          this.#known.set(name, { bytes, etag });
          objects.push({ name, bytes });
        }
      }
      return objects;
    });
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async folders(prefix: string): Promise<readonly string[]> {
    const root = this.#prefix(prefix);
    const found = await this.#again(READ_TRIES, async () => {
      const names: string[] = [];
      for await (const page of this.#client.list(root, '/')) {
        for (const folder of page.folders) names.push(folder.slice(root.length).replace(/\/$/, ''));
      }
      return names;
    });
    return found.sort();
  }

  async readRange(name: string, start: number, end: number): Promise<Uint8Array> {
    const key = this.#key(name);
    if (end <= start) return new Uint8Array(0);
    return this.#again(READ_TRIES, async () => {
      const body = await this.#client.get(key, { start, end }, end - start);
      if (body === null) return new Uint8Array(0);
      if (body.start !== start) {
        body.stream.destroy();
        const what = `${this.where} answers bytes from ${body.start} of ${name} where ${start} was asked for`;
        throw new WeirError('WEIR_SINK_STORE_REFUSED', what, { name });
      }
      return this.#readBody(key, body, Math.min(end - start, body.bytes));
    });
  }

  async localPath(name: string): Promise<string> {
    const key = this.#key(name);
    const known = this.#known.get(name) ?? (await this.#head(name));
    if (known === null) {
      throw new WeirError('WEIR_SINK_OBJECT_INVALID', `${name} is not in ${this.where}`, { name });
    }
    const { bytes, etag } = known;
    const object = { name, bytes, key: `${this.#identity}\0${key}\0${etag}` };
    return this.#cache.path(object, (file) => this.#again(READ_TRIES, () => this.#download(name, key, known, file)));
  }

  temporaryPath(suffix: string): Promise<string> {
    return this.#cache.temporaryPath(suffix);
  }

  async discard(file: string): Promise<void> {
    try {
      await rm(file, { force: true });
    } catch (error) {
      throw fromFileSystem(error, 'remove a temporary file', this.where);
    }
  }

  async close(): Promise<void> {
    await this.#client.close();
    await this.#cache.close();
  }

  async #put(name: string, key: string, body: Buffer, metadata: Readonly<Record<string, string>>): Promise<void> {
    if (body.length > PUT_BYTES_MAX) {
      const what = `${name} has ${body.length} bytes, and one request takes ${PUT_BYTES_MAX}; lower lake.flushRows`;
      throw new WeirError('WEIR_SINK_STORE_REFUSED', what, { name });
    }
    const type = CONTENT_TYPES.find(([ending]) => name.endsWith(ending))?.[1] ?? 'application/json';
    await this.#client.put(key, body, metadata, type);
  }

  async #head(name: string): Promise<Known | null> {
    const key = this.#key(name);
    const found = await this.#again(READ_TRIES, () => this.#client.head(key));
    if (found !== null) this.#known.set(name, { bytes: found.bytes, etag: found.etag });
    return found;
  }

  async #download(name: string, key: string, known: Known, file: string): Promise<void> {
    await rm(file, { force: true });
    const body = (await this.#client.get(key, null, known.bytes))!;
    if (body.etag !== known.etag || body.bytes !== known.bytes) {
      body.stream.destroy();
      this.#known.delete(name);
      const what = `${name} in ${this.where} is another object than it was: somebody replaced it`;
      throw new WeirError('WEIR_SINK_OBJECT_INVALID', what, { name });
    }
    const target = createWriteStream(file, { flags: 'wx' });
    try {
      await pipeline(body.stream, target);
    } catch (error) {
      // Either side may have failed.
      if (isFileSystemError(error, ...LOCAL_CODES)) throw fromFileSystem(error, `cache ${name}`, file);
      throw fromS3(error, { action: 's3:GetObject', bucket: this.#place.bucket, key });
    }
    if (target.bytesWritten !== known.bytes) throw this.#cut(key, target.bytesWritten, known.bytes);
  }

  /** At most `bytes` of the body, whatever the server sends. */
  async #readBody(key: string, body: S3Body, bytes: number): Promise<Uint8Array> {
    const read = new Uint8Array(bytes);
    let at = 0;
    try {
      for await (const chunk of body.stream as AsyncIterable<Buffer>) {
        const part = chunk.subarray(0, bytes - at);
        read.set(part, at);
        at += part.length;
        if (at === bytes) break;
      }
    } catch (error) {
      throw fromS3(error, { action: 's3:GetObject', bucket: this.#place.bucket, key });
    }
    if (at < bytes) throw this.#cut(key, at, bytes);
    return read;
  }

  #cut(key: string, got: number, bytes: number): WeirError {
    const what = `s3:GetObject on bucket ${this.#place.bucket} (${key}): the answer ended after ${got} of ${bytes} bytes`;
    return new WeirError('WEIR_SINK_STORE_UNAVAILABLE', what, { key });
  }

  /** What may pass is tried again. What is not there is not waited for. */
  async #again<T>(tries: number, work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        const passes = error instanceof WeirError && error.disposition === 'retry' && error.context['status'] !== 404;
        if (!passes || attempt === tries) throw error;
        this.#logger.debug({ code: error.code, attempt, error: error.message }, 'a request failed, tried again');
        // Not all readers at the same moment again.
        await this.#clock.sleep(READ_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + randomInt(1000) / 1000));
      }
    }
  }

  #key(name: string): string {
    if (!isName(name)) {
      const what = `the name ${JSON.stringify(name)} leaves the lake`;
      throw new WeirError('WEIR_SINK_STORE_RIGHTS', what, { where: this.where });
    }
    return this.#place.prefix + name;
  }

  /** The beginning of a name; empty is the lake's root. */
  #prefix(prefix: string): string {
    const whole = prefix.replace(/\/$/, '');
    if (whole !== '') this.#key(whole);
    return this.#place.prefix + prefix;
  }
}
