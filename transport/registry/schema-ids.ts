/** Which id stands for which schema: asked once, remembered for as long as the process lives. */
import type { Clock } from '../../contract/clock.ts';
import type { Logger } from '../../contract/log.ts';
import { WeirError } from '../../contract/errors.ts';
import { headerHex } from '../../schemas/generate/fingerprint.ts';
import type { KnownSchema } from './known-schemas.ts';
import type { RegistryClient } from './registry-client.ts';

/** An id that the registry does not know is asked for again after this: it may have been restored meanwhile. */
const UNKNOWN_MS = 30_000;
const COMPATIBILITY = 'FULL_TRANSITIVE';
/** Schemas are few; forged ids could be many. */
const IDS_MAX = 10_000;

export class SchemaIds {
  readonly #client: RegistryClient;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Subject and header -> id. */
  readonly #ids = new Map<string, Promise<number>>();
  /** Id -> header; empty: no schema of Avro. */
  readonly #headers = new Map<number, string>();
  readonly #unknown = new Map<number, number>();

  constructor(client: RegistryClient, clock: Clock, logger: Logger) {
    this.#client = client;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Registered where it was not. Fails as the client does; a failure is not remembered. */
  idOf(topic: string, schema: KnownSchema): Promise<number> {
    const subject = `${topic}-value`;
    const key = `${subject} ${schema.header}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const asked = this.#register(subject, schema);
    this.#ids.set(key, asked);
    asked.catch(() => this.#ids.delete(key));
    return asked;
  }

  /** The header of the schema that an id names, as 20 hex digits; empty where the registry knows none. */
  async headerOf(id: number): Promise<string> {
    const known = this.#headers.get(id);
    if (known !== undefined) return known;
    const now = this.#clock.nowMs();
    if ((this.#unknown.get(id) ?? Number.NEGATIVE_INFINITY) > now - UNKNOWN_MS) return '';
    const text = await this.#client.schema(id);
    if (text === null) {
      if (this.#unknown.size >= IDS_MAX) this.#unknown.clear();
      this.#unknown.set(id, now);
      this.#logger.warn({ id, registry: this.#client.url }, 'schema_id_unknown');
      return '';
    }
    if (this.#headers.size >= IDS_MAX) this.#headers.clear();
    const header = fingerprint(text);
    this.#headers.set(id, header);
    return header;
  }

  /** The id by which a header was met when reading; -1 when it was not. */
  seenId(header: string): number {
    for (const [id, known] of this.#headers) if (known === header) return id;
    return -1;
  }

  async #register(subject: string, { header, text }: KnownSchema): Promise<number> {
    const found = await this.#client.find(subject, text);
    const id = found ?? (await this.#client.register(subject, text));
    this.#headers.set(id, header);
    if (found === null) {
      this.#logger.info({ subject, id }, 'schema_registered');
      await this.#setCompatibility(subject);
    }
    return id;
  }

  /** A registry may leave that to its keepers. */
  async #setCompatibility(subject: string): Promise<void> {
    try {
      await this.#client.setCompatibility(subject, COMPATIBILITY);
    } catch (error) {
      if (!(error instanceof WeirError)) throw error;
      this.#logger.warn({ subject, code: error.code, problem: error.message }, 'compatibility_not_set');
    }
  }
}

/** Of any schema of Avro; empty for what is none, or has what Weir's schemas have not. */
function fingerprint(text: string): string {
  try {
    return headerHex(JSON.parse(text) as Parameters<typeof headerHex>[0]);
  } catch (error) {
    if (error instanceof Error) return '';
    throw error;
  }
}
