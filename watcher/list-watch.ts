/**
 * One resource, listed and then watched for ever: whatever breaks, what is known stays until a complete list says that
 * it is gone. It also tells up to when everything was delivered, which is what `as of` rests on: the server ends each
 * watch after WATCH_S, and a stream that ends as it should was delivered whole. A long watch could not tell: a dead
 * connection looks like an idle one, and bookmarks come once a minute, and only where something happened (1.37.2).
 */
import type { Clock } from '../contract/clock.ts';
import { fromUnknown, type WeirError } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';
import type { Meter } from '../contract/meter.ts';
import type { KubeApi, View, WatchEvent } from './api.ts';
import type { Cluster, Kind } from './cluster.ts';
import { type Json, text } from './objects.ts';

export interface Resource {
  readonly kind: Kind;
  readonly path: string;
  readonly view: View;
}

export const RESOURCES: readonly Resource[] = [
  { kind: 'nodes', path: '/api/v1/nodes', view: 'whole' },
  { kind: 'replicasets', path: '/apis/apps/v1/replicasets', view: 'metadata' },
  { kind: 'jobs', path: '/apis/batch/v1/jobs', view: 'metadata' },
  { kind: 'services', path: '/api/v1/services', view: 'whole' },
  { kind: 'endpointslices', path: '/apis/discovery.k8s.io/v1/endpointslices', view: 'whole' },
  { kind: 'pods', path: '/api/v1/pods', view: 'whole' },
];

const PAGE_OBJECTS = 500;
const WATCH_S = 3;
const SILENCE_MS_MAX = 6_000;
/** What is in the server's memory is delivered at once; this much is left for the way. */
const DELIVERY_US = 500_000;
const PAUSE_MS_MIN = 200;
const PAUSE_MS_MAX = 10_000;

export interface ListWatchOptions {
  readonly api: KubeApi;
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: Meter;
}

export class ListWatch {
  readonly #options: ListWatchOptions;
  readonly #resource: Resource;
  /** Where the next watch goes on; empty: list first. */
  #version = '';
  #provenUs = -1;
  #pauseMs = PAUSE_MS_MIN;

  constructor(options: ListWatchOptions, resource: Resource) {
    this.#options = options;
    this.#resource = resource;
  }

  /** Everything up to here was delivered, -1 before the first list. */
  get provenUs(): number {
    return this.#provenUs;
  }

  /** Until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    while (!signal.aborted) {
      try {
        if (this.#version === '') await this.#list(signal);
        await this.#watch(signal);
        this.#pauseMs = PAUSE_MS_MIN;
      } catch (cause) {
        if (signal.aborted) return;
        const error = fromUnknown(cause, 'WEIR_WATCHER_API', `cannot watch ${this.#resource.path}`);
        this.#failed(error);
        if (error.code === 'WEIR_WATCHER_EXPIRED') continue;
        await clock.sleep(this.#pauseMs, signal);
        this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MS_MAX);
      }
    }
  }

  #failed(error: WeirError): void {
    const { logger, meter } = this.#options;
    const { kind, path } = this.#resource;
    meter.add('weir_watcher_failures_total', 1, { resource: kind, code: error.code });
    if (error.code === 'WEIR_WATCHER_EXPIRED') {
      this.#version = '';
      logger.info({ resource: kind }, 'watch_expired');
      return;
    }
    logger.warn(
      { resource: kind, path, code: error.code, problem: error.message, pauseMs: this.#pauseMs },
      'watch_failed',
    );
  }

  /** The whole list, page by page, all of one moment; only then is it known what is gone. */
  async #list(signal: AbortSignal): Promise<void> {
    const { api, cluster, meter } = this.#options;
    const { kind, path, view } = this.#resource;
    // Asked for without a version: the server makes sure that it is not behind.
    const startedUs = this.#nowUs();
    const left = new Set(cluster.uids(kind));
    let next = '';
    let version = '';
    do {
      const from = next === '' ? '' : `&continue=${encodeURIComponent(next)}`;
      const page = await api.get(
        `${path}?limit=${PAGE_OBJECTS}${from}`,
        view === 'whole' ? 'whole' : 'list-metadata',
        signal,
      );
      const metadata = (page['metadata'] ?? {}) as Json;
      for (const object of (page['items'] ?? []) as Json[]) {
        left.delete(uidOf(object));
        cluster.see(kind, object, startedUs, this.#provenUs);
      }
      version = text(metadata['resourceVersion']);
      next = text(metadata['continue']);
    } while (next !== '' && !signal.aborted);
    if (signal.aborted) return;
    for (const uid of left) cluster.gone(kind, uid, this.#provenUs, startedUs);
    this.#version = version;
    this.#provenUs = Math.max(this.#provenUs, startedUs);
    meter.add('weir_watcher_lists_total', 1, { resource: kind });
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { api } = this.#options;
    const { path, view } = this.#resource;
    const query = `watch=true&allowWatchBookmarks=true&timeoutSeconds=${WATCH_S}&resourceVersion=${this.#version}`;
    await api.watch(`${path}?${query}`, view, SILENCE_MS_MAX, (event) => this.#take(event), signal);
    this.#prove();
  }

  #take({ type, object }: WatchEvent): void {
    const { cluster } = this.#options;
    const { kind } = this.#resource;
    const nowUs = this.#nowUs();
    if (type === 'ADDED' || type === 'MODIFIED') cluster.see(kind, object, nowUs, this.#provenUs);
    else if (type === 'DELETED') cluster.goneAs(kind, object, this.#provenUs, nowUs);
    else if (type === 'BOOKMARK') this.#prove();
    const version = (object['metadata'] as Json | undefined)?.['resourceVersion'];
    if (typeof version === 'string') this.#version = version;
  }

  #prove(): void {
    this.#provenUs = Math.max(this.#provenUs, this.#nowUs() - DELIVERY_US);
  }

  #nowUs(): number {
    return this.#options.clock.nowMs() * 1000;
  }
}

const uidOf = (object: Json): string => text((object['metadata'] as Json | undefined)?.['uid']);
