/**
 * The offset of the boot clock, which the kernel stamps records with, to the wall clock, which may be set at any time:
 * read again now and then. Flows that are read after a step carry times by the new offset, like everybody else's.
 */
import type { Logger } from '../contract/log.ts';
import type { FlowSource, SourceStart } from './flow-source.ts';
import type { RecordClock } from './decode.ts';

/** A step of the clock, and not its slow adjustment. */
export const STEP_US = 500_000;
/** Smaller differences are the reading's own, or not worth a seam between two rows of one connection. */
const DRIFT_US = 5000;
const LOOK_MS = 1000;

export class WallClock {
  readonly #source: Pick<FlowSource, 'bootToUnixUs'>;
  readonly #logger: Logger;
  readonly #jiffiesHz: number;
  #offsetUs: number;
  #nextMs = 0;

  constructor(source: Pick<FlowSource, 'bootToUnixUs'>, start: SourceStart, logger: Logger) {
    this.#source = source;
    this.#logger = logger;
    this.#jiffiesHz = start.jiffiesHz;
    this.#offsetUs = start.bootToUnixUs;
  }

  /** For the records that are read now. */
  get record(): RecordClock {
    return { bootToUnixUs: this.#offsetUs, jiffiesHz: this.#jiffiesHz };
  }

  /** Look when it is time, `nowMs` of any clock. Returns by how much the wall clock was set, in us; 0 for no step. */
  look(nowMs: number): number {
    // A clock that was set back must not keep us from looking.
    if (nowMs < this.#nextMs && nowMs >= this.#nextMs - LOOK_MS) return 0;
    this.#nextMs = nowMs + LOOK_MS;
    const offsetUs = this.#source.bootToUnixUs?.() ?? this.#offsetUs;
    const byUs = offsetUs - this.#offsetUs;
    if (Math.abs(byUs) < DRIFT_US) return 0;
    this.#offsetUs = offsetUs;
    if (Math.abs(byUs) < STEP_US) return 0;
    this.#logger.warn(
      { byMs: Math.round(byUs / 1000) },
      'the wall clock was set: times of flows follow it from here on',
    );
    return byUs;
  }
}
