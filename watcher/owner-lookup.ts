/** Asks the API server for the owner of an owner: Deployments, StatefulSets, custom resources. Metadata only. */
import type { Clock } from '../contract/clock.ts';
import { fromUnknown, type WeirError } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';
import type { KubeApi } from './api.ts';
import type { MissingOwner } from './cluster.ts';
import { type Json, metaOf, type OwnerRef } from './objects.ts';

/** Once asked so often in vain the owner is taken for the top: its own name is true. */
const ATTEMPTS_MAX = 8;
const PAUSE_MS_MIN = 100;
const PAUSE_MS_MAX = 5_000;
const AT_ONCE_MAX = 8;
/** A kind that may not be read is not asked for again so long. Just after its restart a server forbids everything. */
const FORBIDDEN_MS = 300_000;
const FORBIDDEN_ATTEMPTS_MAX = 4;
/** Kinds of which that is remembered. */
const KINDS_MAX = 256;

interface Plural {
  readonly plural: string;
  readonly namespaced: boolean;
}

export class OwnerLookup {
  readonly #api: KubeApi;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** By apiVersion: kinds, each with its path. */
  readonly #discovered = new Map<string, ReadonlyMap<string, Plural>>();
  /** By kind: until when, ms. */
  readonly #forbidden = new Map<string, number>();
  readonly #queue: (() => void)[] = [];
  #atWork = 0;

  constructor(api: KubeApi, clock: Clock, logger: Logger) {
    this.#api = api;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** The controller of `ref`; null where it has none, is gone, or may not be read. Never rejects. */
  async controllerOf(missing: MissingOwner, signal: AbortSignal): Promise<OwnerRef | null> {
    if (this.#atWork >= AT_ONCE_MAX) await new Promise<void>((resolve) => this.#queue.push(resolve));
    this.#atWork += 1;
    try {
      return await this.#ask(missing, signal);
    } finally {
      this.#atWork -= 1;
      this.#queue.shift()?.();
    }
  }

  async #ask(missing: MissingOwner, signal: AbortSignal): Promise<OwnerRef | null> {
    const kind = `${missing.ref.apiVersion}/${missing.ref.kind}`;
    if ((this.#forbidden.get(kind) ?? 0) > this.#clock.nowMs()) return null;
    let pauseMs = PAUSE_MS_MIN;
    for (let attempt = 1; attempt <= ATTEMPTS_MAX && !signal.aborted; attempt += 1) {
      try {
        return await this.#askOnce(missing, signal);
      } catch (cause) {
        const error = fromUnknown(cause, 'WEIR_WATCHER_API', 'an owner');
        const isForbidden = error.code === 'WEIR_WATCHER_FORBIDDEN';
        if (isFinal(error) || attempt === (isForbidden ? FORBIDDEN_ATTEMPTS_MAX : ATTEMPTS_MAX)) {
          if (isForbidden && this.#forbidden.size < KINDS_MAX) {
            this.#forbidden.set(kind, this.#clock.nowMs() + FORBIDDEN_MS);
          }
          this.#tell(kind, error);
          return null;
        }
        await this.#clock.sleep(pauseMs, signal);
        pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX);
      }
    }
    return null;
  }

  async #askOnce({ ref, namespace }: MissingOwner, signal: AbortSignal): Promise<OwnerRef | null> {
    const base = ref.apiVersion.includes('/') ? `/apis/${ref.apiVersion}` : `/api/${ref.apiVersion}`;
    const found = (await this.#kindsOf(ref.apiVersion, base, signal)).get(ref.kind);
    if (found === undefined) return null;
    const where = found.namespaced ? `/namespaces/${encodeURIComponent(namespace)}` : '';
    const object = await this.#api.get(
      `${base}${where}/${found.plural}/${encodeURIComponent(ref.name)}`,
      'metadata',
      signal,
    );
    const meta = metaOf(object);
    // Another object of the same name: the owner itself is gone.
    return meta?.uid === ref.uid ? meta.controller : null;
  }

  async #kindsOf(apiVersion: string, base: string, signal: AbortSignal): Promise<ReadonlyMap<string, Plural>> {
    const known = this.#discovered.get(apiVersion);
    if (known !== undefined) return known;
    const list = await this.#api.get(base, 'whole', signal);
    const kinds = new Map<string, Plural>();
    for (const resource of (list['resources'] ?? []) as Json[]) {
      const plural = String(resource['name']);
      // With a slash: a part of another, as deployments/status.
      if (plural.includes('/')) continue;
      kinds.set(String(resource['kind']), { plural, namespaced: resource['namespaced'] === true });
    }
    this.#discovered.set(apiVersion, kinds);
    return kinds;
  }

  #tell(kind: string, error: WeirError): void {
    if (error.context['status'] === 404) return;
    this.#logger.warn({ kind, code: error.code, problem: error.message }, 'owner_not_read');
  }
}

/** Most of what the server says of a request it will say again. */
function isFinal(error: WeirError): boolean {
  const status = Number(error.context['status'] ?? 0);
  return status >= 400 && status < 500 && ![401, 403, 408, 429].includes(status);
}
