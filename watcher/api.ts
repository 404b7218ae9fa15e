/**
 * The API server by plain requests: JSON in, and a watch line by line. From @kubernetes/client-node comes what is hard:
 * kubeconfig files, accounts of pods, exec plug-ins, TLS. Its informers are not used: docs/adr/0012 says why.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { type ErrorCode, WeirError } from '../contract/errors.ts';
import type { Json } from './objects.ts';

/** Only the metadata of each object: owners need no more. */
export type View = 'whole' | 'metadata';

const ACCEPT: Readonly<Record<View, Readonly<Record<'one' | 'list', string>>>> = {
  whole: { one: 'application/json', list: 'application/json' },
  metadata: {
    one: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
    list: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  },
};

const ANSWER_WITHIN_MS = 30_000;
/** A page of a list: 500 objects of some KB. */
const BODY_BYTES_MAX: number = 64 * 1024 * 1024;
/** How much of a refusal is told. */
const SAID_MAX = 300;

export interface WatchEvent {
  readonly type: string;
  readonly object: Json;
}

export class KubeApi {
  readonly #config: KubeConfig;

  /**
   * `kubeconfig`: a file, or empty for the account of the pod that this runs in.
   * @throws WEIR_CONFIG_INVALID when there is no such file or account
   */
  constructor(kubeconfig: string) {
    this.#config = new KubeConfig();
    try {
      if (kubeconfig === '') this.#config.loadFromCluster();
      else this.#config.loadFromFile(kubeconfig);
    } catch (cause) {
      const what = kubeconfig === '' ? 'no account of a pod is here (/var/run/secrets)' : `cannot read ${kubeconfig}`;
      throw new WeirError('WEIR_CONFIG_INVALID', `watcher.kubeconfig: ${what}`, { key: 'watcher.kubeconfig' }, cause);
    }
    if ((this.#config.getCurrentCluster()?.server ?? '') === '') {
      const message = `watcher.kubeconfig: ${kubeconfig} names no cluster in its current context`;
      throw new WeirError('WEIR_CONFIG_INVALID', message, { key: 'watcher.kubeconfig' });
    }
  }

  /** @throws WEIR_WATCHER_API, _FORBIDDEN, _EXPIRED; context.status where the server answered */
  async get(path: string, view: View | 'list-metadata', signal?: AbortSignal): Promise<Json> {
    const accept = view === 'list-metadata' ? ACCEPT.metadata.list : ACCEPT[view].one;
    const response = await this.#send(path, accept, signal);
    const text = await bodyOf(response, path);
    if (response.statusCode !== 200) throw refusal(path, response.statusCode ?? 0, text);
    return parsed(text, path);
  }

  /**
   * Until the server ends the stream, which says that everything up to then was sent.
   * `silenceMsMax`: without a byte for so long the connection is taken for dead.
   * @throws as `get`; also for an ERROR in the stream, and for a stream that breaks off
   */
  async watch(
    path: string,
    view: View,
    silenceMsMax: number,
    onEvent: (event: WatchEvent) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const response = await this.#send(path, ACCEPT[view].one, signal);
    if (response.statusCode !== 200) {
      throw refusal(path, response.statusCode ?? 0, await bodyOf(response, path));
    }
    let dead = false;
    const timer = setTimeout(() => {
      dead = true;
      response.destroy(new Error(`no byte for ${silenceMsMax} ms`));
    }, silenceMsMax);
    let rest = '';
    try {
      for await (const part of response.setEncoding('utf8') as AsyncIterable<string>) {
        timer.refresh();
        const lines = (rest + part).split('\n');
        rest = lines.pop() ?? '';
        if (rest.length > BODY_BYTES_MAX) throw new Error(`a line of more than ${BODY_BYTES_MAX} bytes`);
        for (const line of lines) takeLine(line, path, onEvent);
      }
      if (!response.complete) throw new Error('the connection closed before the end of the stream');
    } catch (cause) {
      if (cause instanceof WeirError) throw cause;
      const why = dead ? `no byte for ${silenceMsMax} ms` : messageOf(cause);
      throw new WeirError('WEIR_WATCHER_API', `the watch of ${path} broke off: ${why}`, { path }, cause);
    } finally {
      clearTimeout(timer);
      response.destroy();
    }
  }

  async #send(path: string, accept: string, signal?: AbortSignal): Promise<IncomingMessage> {
    const url = new URL(`${this.#config.getCurrentCluster()?.server ?? ''}${path}`);
    const options: RequestOptions = { method: 'GET', headers: {} };
    try {
      await this.#config.applyToHTTPSOptions(options);
    } catch (cause) {
      throw new WeirError('WEIR_WATCHER_FORBIDDEN', `cannot get credentials: ${messageOf(cause)}`, { path }, cause);
    }
    options.headers = { ...(options.headers as Record<string, string>), accept };
    if (signal !== undefined) options.signal = signal;
    const send = url.protocol === 'http:' ? httpRequest : httpsRequest;
    return new Promise((resolve, reject) => {
      const sent = send(url, options, resolve);
      sent.setTimeout(ANSWER_WITHIN_MS, () => sent.destroy(new Error(`no answer in ${ANSWER_WITHIN_MS} ms`)));
      sent.on('error', (cause) => {
        const message = `cannot ask the API server at ${url.host} for ${path}: ${messageOf(cause)}`;
        reject(new WeirError('WEIR_WATCHER_API', message, { path }, cause));
      });
      sent.end();
    });
  }
}

function takeLine(line: string, path: string, onEvent: (event: WatchEvent) => void): void {
  if (line === '') return;
  const { type, object } = parsed(line, path) as unknown as WatchEvent;
  if (type === 'ERROR') throw refusal(path, Number(object['code'] ?? 0), line);
  onEvent({ type, object });
}

async function bodyOf(response: IncomingMessage, path: string): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      bytes += part.length;
      if (bytes > BODY_BYTES_MAX) throw new Error(`more than ${BODY_BYTES_MAX} bytes`);
      parts.push(part);
    }
  } catch (cause) {
    throw new WeirError('WEIR_WATCHER_API', `the answer to ${path} broke off: ${messageOf(cause)}`, { path }, cause);
  }
  return Buffer.concat(parts).toString();
}

function parsed(text: string, path: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    throw new WeirError('WEIR_WATCHER_API', `the answer to ${path} is no JSON`, { path }, cause);
  }
}

function refusal(path: string, status: number, said: string): WeirError {
  const message = `the API server answered ${status} to ${path}: ${said.slice(0, SAID_MAX)}`;
  return new WeirError(codeOf(status), message, { path, status });
}

function codeOf(status: number): ErrorCode {
  if (status === 410) return 'WEIR_WATCHER_EXPIRED';
  return status === 401 || status === 403 ? 'WEIR_WATCHER_FORBIDDEN' : 'WEIR_WATCHER_API';
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
