/** The watcher as a stage: a cluster's API server in, claims and pods out, on the ownership topic. */
import { randomUUID } from 'node:crypto';
import type { Clock } from '../contract/clock.ts';
import { fromUnknown } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';
import type { Meter } from '../contract/meter.ts';
import type { Stage } from '../contract/stage.ts';
import type { Log } from '../transport/log.ts';
import { KubeApi } from './api.ts';
import { Cluster } from './cluster.ts';
import { ListWatch, RESOURCES } from './list-watch.ts';
import { OwnerLookup } from './owner-lookup.ts';
import { Publisher } from './publisher.ts';

export interface WatcherOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: Meter;
  readonly cluster: string;
  readonly network: string;
  /** Name of this watcher among the reporters: no other that is alive may have it. */
  readonly name: string;
  /** A file, or empty for the account of the pod that this runs in. */
  readonly kubeconfig: string;
  /** Keys of labels that may leave the cluster. */
  readonly labels: readonly string[];
  /** The ownership topic by its whole name; it has one partition. */
  readonly ownershipTopic: string;
  readonly heartbeatMs: number;
}

const TICK_MS = 50;
const METER_MS = 5_000;
/** What was not delivered by then is left: the next watcher's list says it. */
const CLOSE_WITHIN_MS = 5_000;
/** Asks for one object: an answer is as new as etcd. */
const PROBE = '/api/v1/pods?limit=1';

/**
 * Resolves once it has begun to ask; lists are published when all of them are there, and nothing before.
 * `stop` says goodbye.
 * @throws WEIR_CONFIG_INVALID for a kubeconfig that is none, WEIR_TRANSPORT_UNKNOWN_TOPIC
 */
export async function startWatcher(options: WatcherOptions): Promise<Stage> {
  await options.log.describe(options.ownershipTopic);
  const watcher = new Watcher(options, new KubeApi(options.kubeconfig));
  const done = watcher.run();
  done.catch(() => undefined);
  return {
    name: 'watcher',
    done,
    stop: async () => {
      watcher.stop();
      await done.catch(() => undefined);
    },
  };
}

class Watcher {
  readonly #options: WatcherOptions;
  readonly #api: KubeApi;
  readonly #cluster: Cluster;
  readonly #publisher: Publisher;
  readonly #lookup: OwnerLookup;
  readonly #watches: readonly ListWatch[];
  readonly #stopping = new AbortController();
  /** The server was as new as etcd then. */
  #freshUs = -1;
  #probeMs = 0;
  #probing = false;
  #meteredMs = 0;
  #leftOut = 0;

  constructor(options: WatcherOptions, api: KubeApi) {
    const { clock, logger, meter, cluster, network, labels, name, ownershipTopic: topic, heartbeatMs } = options;
    this.#options = options;
    this.#api = api;
    this.#cluster = new Cluster({ cluster, network, labels });
    this.#lookup = new OwnerLookup(api, clock, logger);
    const scope = { log: options.log, clock, logger, meter, topic, cluster, network, name };
    this.#publisher = new Publisher({ ...scope, intervalMs: heartbeatMs, newEpoch: randomUUID });
    this.#watches = RESOURCES.map(
      (resource) => new ListWatch({ api, cluster: this.#cluster, clock, logger, meter }, resource),
    );
  }

  stop(): void {
    this.#stopping.abort();
  }

  async run(): Promise<void> {
    const { clock } = this.#options;
    const { signal } = this.#stopping;
    const watching = this.#watches.map((watch) => watch.run(signal));
    try {
      while (!signal.aborted) {
        this.#step(signal);
        if (this.#publisher.failure !== null) throw this.#publisher.failure;
        await clock.sleep(TICK_MS, signal);
      }
      if (this.#publisher.hasBegun) {
        this.#publisher.tell(this.#cluster.takeChanges(), this.#asOfUs());
        this.#publisher.goodbye();
      }
    } finally {
      this.#stopping.abort();
      await Promise.all(watching);
      await this.#publisher.close(CLOSE_WITHIN_MS);
    }
  }

  #step(signal: AbortSignal): void {
    for (const missing of this.#cluster.takeMissing()) {
      void this.#lookup.controllerOf(missing, signal).then((controller) => {
        if (!signal.aborted) this.#cluster.learnOwner(missing.ref.uid, controller);
      });
    }
    this.#probe(signal);
    this.#measure();
    if (!this.#publisher.maySpeak) return;
    const asOfUs = this.#asOfUs();
    if (!this.#publisher.hasBegun) return this.#begin(asOfUs);
    const changes = this.#cluster.takeChanges();
    if (changes.claims.length + changes.pods.length > 0) this.#publisher.tell(changes, asOfUs);
    // Only what is new is worth a heartbeat: without it readers see that this reporter is silent.
    if (asOfUs > this.#publisher.asOfUs) this.#publisher.speak(asOfUs, () => this.#cluster.open());
  }

  /** Once every list is there, and every pod's owner is known. */
  #begin(asOfUs: number): void {
    const isWhole = this.#watches.every(({ provenUs }) => provenUs >= 0);
    if (!isWhole || this.#cluster.waitingSinceUs() < Number.POSITIVE_INFINITY) return;
    const { claims, pods } = this.#cluster.takeChanges();
    const ended = {
      claims: claims.filter(({ toUs }) => toUs >= 0),
      pods: pods.filter(({ toUs }) => toUs >= 0),
    };
    this.#publisher.begin(this.#cluster.open(), ended, asOfUs);
  }

  /** Everything up to here was delivered, by a server that was not behind, and no pod of then waits for its owner. */
  #asOfUs(): number {
    const waitingUs = this.#cluster.waitingSinceUs();
    return Math.min(this.#freshUs, waitingUs, ...this.#watches.map(({ provenUs }) => provenUs));
  }

  /** A server that is cut off from etcd answers watches with nothing new for ever: one read says that it is not. */
  #probe(signal: AbortSignal): void {
    const { clock, heartbeatMs, logger } = this.#options;
    const nowMs = clock.nowMs();
    if (this.#probing || nowMs - this.#probeMs < heartbeatMs / 2) return;
    this.#probing = true;
    this.#probeMs = nowMs;
    this.#api
      .get(PROBE, 'list-metadata', signal)
      .then(
        () => {
          this.#freshUs = Math.max(this.#freshUs, nowMs * 1000);
        },
        (cause: unknown) => {
          if (signal.aborted) return;
          const error = fromUnknown(cause, 'WEIR_WATCHER_API', 'the probe');
          logger.debug({ code: error.code, problem: error.message }, 'probe_failed');
        },
      )
      .finally(() => {
        this.#probing = false;
      });
  }

  #measure(): void {
    const { clock, meter, logger } = this.#options;
    const nowMs = clock.nowMs();
    if (nowMs - this.#meteredMs < METER_MS) return;
    this.#meteredMs = nowMs;
    for (const { kind } of RESOURCES) meter.set('weir_watcher_objects', this.#cluster.count(kind), { resource: kind });
    if (this.#publisher.hasBegun) {
      meter.set('weir_watcher_lag_seconds', Math.max(0, nowMs / 1000 - this.#publisher.asOfUs / 1e6));
    }
    const leftOut = this.#cluster.nodePortsLeftOut;
    if (leftOut > 0 && this.#leftOut === 0) logger.warn({ claims: leftOut }, 'node_ports_left_out');
    this.#leftOut = leftOut;
  }
}
