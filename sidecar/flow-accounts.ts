/** `in = out + dropped + held` of the sidecar, in flow numbers, and how old the oldest held one is. */
import type { Meter } from '../contract/meter.ts';
import { lossesFlows } from './batch.ts';
import type { SentBatch } from './unacknowledged.ts';

export class FlowAccounts {
  readonly #meter: Meter;
  #held = 0;

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  /** Flow numbers that came in. */
  in(flows: number): void {
    if (flows === 0) return;
    this.#held += flows;
    this.#meter.add('weir_sidecar_flows_in_total', flows);
  }

  /** A batch is durable. */
  out({ first, next, losses }: SentBatch): void {
    const meter = this.#meter;
    meter.add('weir_sidecar_batches_total', 1);
    meter.add('weir_sidecar_flows_out_total', next - first - lossesFlows(losses));
    for (const { reason, flows, intentional } of losses) {
      meter.add('weir_sidecar_flows_dropped_total', flows, { reason, intentional: String(intentional) });
    }
    this.#held -= next - first;
  }

  /** `oldestUs`: event time of the oldest that is held, Infinity without one. */
  show(nowMs: number, oldestUs: number): void {
    this.#meter.set('weir_sidecar_flows_held', this.#held);
    const lag = Number.isFinite(oldestUs) ? Math.max(0, nowMs / 1000 - oldestUs / 1e6) : 0;
    this.#meter.set('weir_sidecar_lag_seconds', lag);
  }
}
