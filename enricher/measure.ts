/**
 * The enricher's metrics. Flow numbers count as in when a message is read, as held until it is delivered, and then as
 * out (in rows) or dropped (told as losses): in = out + dropped + held. What is handed back unread was not in.
 */
import type { Logger } from '../contract/log.ts';
import type { Meter } from '../contract/meter.ts';
import { METHOD_SYMBOLS, REASON_SYMBOLS } from '../schemas/generated/common.ts';
import type { Message } from '../transport/log.ts';
import type { Enriched } from './enrich.ts';
import type { EndCounts } from './join.ts';
import { headerRange } from './source.ts';
import type { ClaimCounts } from './task.ts';

/** Flow numbers that a message's headers promise; 0 where they are unusable. */
function promised(messages: readonly Message[]): number {
  return messages.reduce((sum, { headers }) => {
    const range = headerRange(headers);
    return sum + (range === null ? 0 : range.next - range.first);
  }, 0);
}

export class EnricherMeter {
  readonly #meter: Meter;
  readonly #logger: Logger;
  #held = 0;
  #claimsRefused = 0;

  constructor(meter: Meter, logger: Logger) {
    this.#meter = meter;
    this.#logger = logger;
    meter.set('weir_enricher_flows_held', 0);
  }

  partition(partition: number): PartitionMeter {
    return new PartitionMeter(this.#meter, this, String(partition));
  }

  hold(flows: number): void {
    this.#held += flows;
    this.#meter.set('weir_enricher_flows_held', this.#held);
  }

  claims({ refused, fault }: ClaimCounts): void {
    if (refused <= this.#claimsRefused) return;
    const more = refused - this.#claimsRefused;
    this.#claimsRefused = refused;
    this.#meter.add('weir_enricher_claims_refused_total', more, { code: 'WEIR_ENRICHER_CLAIM_INVALID' });
    this.#logger.warn({ code: 'WEIR_ENRICHER_CLAIM_INVALID', refused: more, newest: fault }, 'claims_refused');
  }
}

export class PartitionMeter {
  readonly #meter: Meter;
  readonly #stage: EnricherMeter;
  readonly #labels: { readonly partition: string };
  #held = 0;

  constructor(meter: Meter, stage: EnricherMeter, partition: string) {
    this.#meter = meter;
    this.#stage = stage;
    this.#labels = { partition };
  }

  took(messages: readonly Message[], end: number, nowMs: number): void {
    const flows = promised(messages);
    if (flows > 0) this.#meter.add('weir_enricher_flows_in_total', flows);
    this.#hold(flows);
    const first = messages[0];
    this.#lag(first === undefined ? 0 : end - first.offset, first === undefined ? 0 : (nowMs - first.appendMs) / 1000);
  }

  delivered(carried: readonly Message[], enriched: Enriched, end: number, nowMs: number): void {
    let told = 0;
    for (const { reason, flows, intentional } of enriched.lost) {
      if (flows <= 0) continue;
      told += flows;
      this.#meter.add('weir_enricher_flows_dropped_total', flows, { reason, intentional: String(intentional) });
    }
    this.#meter.add('weir_enricher_flows_out_total', enriched.flows);
    const before = promised(carried);
    // A message without usable headers shows its flows only now.
    const more = enriched.flows + told - before;
    if (more > 0) this.#meter.add('weir_enricher_flows_in_total', more);
    this.#hold(-before);
    const last = carried.at(-1);
    if (last !== undefined) this.#lag(end - last.offset - 1, Math.max(0, nowMs - last.appendMs) / 1000);
  }

  counted(ends: EndCounts, claims: ClaimCounts): void {
    METHOD_SYMBOLS.forEach((method, index) => {
      const count = ends.byMethod[index] ?? 0;
      if (count > 0) this.#meter.add('weir_enricher_ends_total', count, { method });
    });
    REASON_SYMBOLS.forEach((reason, index) => {
      const count = ends.byReason[index] ?? 0;
      if (count > 0) this.#meter.add('weir_enricher_ends_unattributed_total', count, { reason });
    });
    this.#stage.claims(claims);
  }

  refused(code: string): void {
    this.#meter.add('weir_enricher_dead_letters_total', 1, { code });
  }

  /** The partition is another's now. */
  handedBack(): void {
    this.#hold(-this.#held);
    this.#lag(0, 0);
  }

  #hold(flows: number): void {
    this.#held += flows;
    this.#stage.hold(flows);
    this.#meter.set('weir_enricher_lag_flows', this.#held, this.#labels);
  }

  #lag(messages: number, seconds: number): void {
    this.#meter.set('weir_enricher_lag_messages', Math.max(0, messages), this.#labels);
    this.#meter.set('weir_enricher_lag_seconds', messages > 0 ? Math.max(0, seconds) : 0, this.#labels);
  }
}
