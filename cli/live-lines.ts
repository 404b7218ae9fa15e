/** The live view's lines, from what the stages have reported. Pure. */
import type { MeterRegistry } from '../contract/meter-registry.ts';

/** What the view shows of one moment. Flow numbers. */
export interface LiveFigures {
  readonly elapsedMs: number;
  readonly captured: number;
  readonly stored: number;
  readonly lost: number;
  readonly held: { readonly sidecar: number; readonly enricher: number; readonly sink: number };
  readonly endsNamed: number;
  readonly endsUnnamed: number;
  readonly objects: number;
}

/** Reasons of the sink that are no losses: another sink stored the same, or the log keeps it for the next one. */
const NOT_LOST = ['stored_by_another', 'left_in_the_log'];

/** What stands in the lake as lost, wherever on the way it was: every loss ends in the sink's ledger. */
function lostOf(meter: MeterRegistry): number {
  const kept = NOT_LOST.map((reason) => meter.total('weir_sink_flows_dropped_total', { reason }));
  return kept.reduce((rest, flows) => rest - flows, meter.total('weir_sink_flows_dropped_total'));
}

export function figuresOf(meter: MeterRegistry, elapsedMs: number): LiveFigures {
  return {
    elapsedMs,
    captured: meter.total('weir_sidecar_flows_in_total'),
    stored: meter.total('weir_sink_flows_out_total'),
    lost: lostOf(meter),
    held: {
      sidecar: meter.total('weir_sidecar_flows_held'),
      enricher: meter.total('weir_enricher_flows_held'),
      sink: meter.total('weir_sink_flows_held'),
    },
    endsNamed: meter.total('weir_enricher_ends_total') - meter.total('weir_enricher_ends_total', { method: 'none' }),
    endsUnnamed: meter.total('weir_enricher_ends_unattributed_total'),
    objects: meter.total('weir_sink_objects_total'),
  };
}

const count = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 0 });

export function clockText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

function perSecond(now: LiveFigures, before: LiveFigures | null): string {
  const ms = now.elapsedMs - (before?.elapsedMs ?? 0);
  return ms < 500 ? '0' : count(((now.captured - (before?.captured ?? 0)) * 1000) / ms);
}

function named({ endsNamed, endsUnnamed }: LiveFigures): string {
  const ends = endsNamed + endsUnnamed;
  return ends === 0 ? 'none yet' : `${((100 * endsNamed) / ends).toFixed(1)} % of ${count(ends)} ends`;
}

/** The block that is redrawn on a terminal. */
export function liveBlock(now: LiveFigures, before: LiveFigures | null, title: string): string[] {
  const { held } = now;
  return [
    `${title}  ${clockText(now.elapsedMs)}`,
    `flows     ${count(now.captured)} captured (${perSecond(now, before)}/s), ${count(now.stored)} stored, ${count(now.lost)} lost`,
    `held      sidecar ${count(held.sidecar)}, enricher ${count(held.enricher)}, sink ${count(held.sink)}`,
    `named     ${named(now)}`,
    `objects   ${count(now.objects)}`,
  ];
}

/** The same in one line, for a log or a pipe. */
export function liveLine(now: LiveFigures, before: LiveFigures | null): string {
  const held = now.held.sidecar + now.held.enricher + now.held.sink;
  return (
    `${clockText(now.elapsedMs)} captured ${now.captured} (${perSecond(now, before)}/s) stored ${now.stored} ` +
    `lost ${now.lost} held ${held} named ${named(now)}`
  );
}
