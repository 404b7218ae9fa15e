/** The sink's law, in = out + dropped + held, kept per partition and shown as metrics. */
import type { ChainTable, LossEntry } from '../schemas/objects.ts';
import type { Content } from './content.ts';
import type { SinkContext } from './context.ts';

/** What is taken back (`recovered`) was dropped in an object before, and comes as rows now. */
const sumLost = (losses: readonly LossEntry[]): number =>
  losses.reduce((sum, { flows }) => sum + Math.max(0, flows ?? 0), 0);

export class Accounts {
  readonly #context: SinkContext;
  readonly #partition: string;
  readonly #counts: boolean;
  /** Flow numbers of the object that is held: rows and losses. */
  #held = 0;
  #repeated = 0;

  /** Messages of `ownership` are no flows: they are not counted. */
  constructor(context: SinkContext, table: ChainTable, partition: number) {
    this.#context = context;
    this.#partition = String(partition);
    this.#counts = table === 'flows';
  }

  /** After a message was folded. */
  folded(content: Content): void {
    if (!this.#counts) return;
    const { meter } = this.#context;
    const held = content.flows + sumLost(content.losses);
    meter.add('weir_sink_flows_in_total', held - this.#held);
    meter.add('weir_sink_flows_repeated_total', content.repeated - this.#repeated);
    this.#repeated = content.repeated;
    this.#hold(held);
  }

  /** After an object stands under the name. What another writer stored is dropped here, on purpose. */
  stored(content: Content, stored: 'own' | 'adopted'): void {
    if (!this.#counts) return;
    const { meter } = this.#context;
    if (stored === 'adopted') {
      this.#drop('stored_by_another');
    } else {
      meter.add('weir_sink_flows_out_total', content.flows);
      for (const { reason, intentional, flows } of content.losses) {
        const labels = { reason, intentional: String(intentional) };
        if (flows !== null && flows > 0) meter.add('weir_sink_flows_dropped_total', flows, labels);
      }
    }
    this.#repeated = 0;
    this.#hold(0);
  }

  /** `oldestMs`: append time of the oldest message held. Messages are counted by offsets, which may have holes. */
  lag(end: number, next: number, oldestMs: number | null): void {
    if (!this.#counts) return;
    const { meter, clock } = this.#context;
    const partition = { partition: this.#partition };
    meter.set('weir_sink_lag_messages', Math.max(0, end - next), partition);
    meter.set('weir_sink_lag_flows', this.#held, partition);
    meter.set('weir_sink_lag_seconds', oldestMs === null ? 0 : Math.max(0, clock.nowMs() - oldestMs) / 1000, partition);
  }

  /** The partition was taken away before what is held could be stored: whoever has it next reads it again. */
  left(): void {
    this.#drop('left_in_the_log');
    this.#hold(0);
  }

  #drop(reason: string): void {
    if (this.#held === 0) return;
    this.#context.meter.add('weir_sink_flows_dropped_total', this.#held, { reason, intentional: 'true' });
  }

  #hold(held: number): void {
    this.#context.held.flows += held - this.#held;
    this.#held = held;
    this.#context.meter.set('weir_sink_flows_held', this.#context.held.flows);
  }
}
