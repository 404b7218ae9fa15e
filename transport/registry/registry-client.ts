/**
 * The part of the Confluent schema registry's API that Weir needs (Apicurio's ccompat and Karapace answer the same).
 * Credentials are sent as basic authentication and are in no message.
 */
import { WeirError } from '../../contract/errors.ts';

const ANSWER_MS = 10_000;
const ANSWER_BYTES_MAX: number = 4 * 1024 * 1024;
const CONTENT_TYPE = 'application/vnd.schemaregistry.v1+json';
/** error_code of the API: the schema is not under the subject; there is no such subject, version or id. */
const NOT_FOUND = 404;

export interface RegistryOptions {
  /** Without a slash at the end: https://registry:8081, http://apicurio:8080/apis/ccompat/v7. */
  readonly url: string;
  /** `user:password`, empty for none. */
  readonly userInfo: string;
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Fails: WEIR_TRANSPORT_UNAVAILABLE (away, or answers 5xx or 429), WEIR_TRANSPORT_REGISTRY_REFUSED. */
export class RegistryClient {
  readonly url: string;
  readonly #authorization: string | null;

  constructor({ url, userInfo }: RegistryOptions) {
    this.url = url.replace(/\/+$/, '');
    this.#authorization = userInfo === '' ? null : `Basic ${Buffer.from(userInfo).toString('base64')}`;
  }

  /** Whether it is there and takes our credentials. */
  async check(): Promise<void> {
    await this.#ask('GET', '/subjects', null);
  }

  /** The schema's text; null where the registry knows no such id. */
  async schema(id: number): Promise<string | null> {
    const { status, body } = await this.#ask('GET', `/schemas/ids/${id}`, null);
    if (status === NOT_FOUND) return null;
    const { schema, schemaType = 'AVRO' } = body;
    if (typeof schema !== 'string') throw this.#refused(`has no text of schema ${id}`, body);
    return schemaType === 'AVRO' ? schema : '';
  }

  /** The id of a schema under a subject; null where it is not there. */
  async find(subject: string, schema: string): Promise<number | null> {
    const { status, body } = await this.#ask('POST', `/subjects/${encodeURIComponent(subject)}`, { schema });
    return status === NOT_FOUND ? null : this.#id(body);
  }

  /** Register a schema; the id it had where it was there already. */
  async register(subject: string, schema: string): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`;
    const { status, body } = await this.#ask('POST', path, { schema });
    if (status === NOT_FOUND) throw this.#refused(`does not take a schema for ${subject}`, body);
    return this.#id(body);
  }

  async setCompatibility(subject: string, compatibility: string): Promise<void> {
    const { status, body } = await this.#ask('PUT', `/config/${encodeURIComponent(subject)}`, { compatibility });
    if (status === NOT_FOUND) throw this.#refused(`has no configuration of ${subject}`, body);
  }

  async #ask(method: string, path: string, body: object | null): Promise<Answer> {
    const headers: Record<string, string> = { accept: `${CONTENT_TYPE}, application/json` };
    if (body !== null) headers['content-type'] = CONTENT_TYPE;
    if (this.#authorization !== null) headers['authorization'] = this.#authorization;
    let status: number;
    let text: string;
    try {
      const signal = AbortSignal.timeout(ANSWER_MS);
      const init = {
        method,
        headers,
        signal,
        redirect: 'error',
        ...(body === null ? {} : { body: JSON.stringify(body) }),
      };
      const response = await fetch(this.url + path, init as RequestInit);
      ({ status } = response);
      text = await bounded(response);
    } catch (error) {
      throw unavailable(this.url, error);
    }
    if (status >= 500 || status === 429) throw unavailable(this.url, new Error(`it answers ${status}`));
    const answer = { status, body: parsed(text) };
    if (status < 300 || status === NOT_FOUND) return answer;
    if (status === 401 || status === 403) throw this.#refused('refuses our credentials', answer.body);
    throw this.#refused(`answers ${status} to ${method} ${path}`, answer.body);
  }

  #id(body: Answer['body']): number {
    const { id } = body;
    if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < 2 ** 32) return id;
    throw this.#refused('names no id of a schema', body);
  }

  #refused(problem: string, { message }: Answer['body']): WeirError {
    const detail = typeof message === 'string' ? `: ${message.slice(0, 300)}` : '';
    const text = `the registry ${this.url} ${problem}${detail}; look at transport.registry and transport.registryUserInfo`;
    return new WeirError('WEIR_TRANSPORT_REGISTRY_REFUSED', text, { url: this.url });
  }
}

function unavailable(url: string, error: unknown): WeirError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new WeirError('WEIR_TRANSPORT_UNAVAILABLE', `the registry ${url} does not answer: ${detail}`, { url }, error);
}

async function bounded(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of response.body ?? []) {
    bytes += part.byteLength;
    if (bytes > ANSWER_BYTES_MAX) throw new Error(`its answer is longer than ${ANSWER_BYTES_MAX} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** An answer that is no JSON object has no fields. */
function parsed(text: string): Answer['body'] {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Answer['body']) : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
