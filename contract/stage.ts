/** A running stage, as the commands see it. */
export interface Stage {
  readonly name: 'sidecar' | 'enricher' | 'sink' | 'watcher';
  /** Resolves after `stop`; rejects with a WeirError when the stage cannot go on. */
  readonly done: Promise<void>;
  /** Deliver or count what is held, commit, leave; in bounded time. Idempotent. */
  stop(): Promise<void>;
}
