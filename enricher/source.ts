/** What a raw message says of itself in its headers, and whether its body agrees. */
import { WeirError } from '../contract/errors.ts';
import type { Loss, Source } from '../schemas/generated/common.ts';
import type { RawBatch } from '../schemas/generated/flows-raw-v1.ts';
import { RECOVERED } from '../schemas/objects.ts';
import { HEADER, type Headers } from '../transport/log.ts';

/** A range wider than this is no batch's: 2^32 flows are an hour of the largest fleet on one node. */
const RANGE_FLOWS_MAX = 2 ** 32;
/** Names in headers; anybody can write those. */
const NAME_BYTES_MAX = 256;

/** The stream and range that a message's headers name. */
export interface HeaderRange {
  readonly ring: string;
  readonly seq: number;
  readonly first: number;
  readonly next: number;
}

/** Null where a header is missing, no number, or contradicts the others. */
export function headerRange(headers: Headers): HeaderRange | null {
  const ring = headers[HEADER.ring] ?? '';
  const seq = count(headers[HEADER.seq]);
  const first = count(headers[HEADER.first]);
  const next = count(headers[HEADER.next]);
  if (ring === '' || ring.length > NAME_BYTES_MAX) return null;
  if (seq < 0 || first < 0 || next < first || next - first > RANGE_FLOWS_MAX) return null;
  return { ring, seq, first, next };
}

/** @throws WEIR_ENRICHER_RANGE_INVALID when the batch contradicts itself or its headers */
export function checkRange(batch: RawBatch, headers: Headers): void {
  const { ring, seq, first, next, flows } = batch;
  if (ring === '') throw refuse('the batch names no ring', batch);
  if (first < 0 || next < first || next - first > RANGE_FLOWS_MAX) throw refuse('no range', batch);
  let numbers = 0;
  let after = 0;
  for (let i = 0; i < flows.length; i += 1) {
    const offset = flows.numberOffset[i]!;
    if (offset < after || flows.numbers[i]! < 1)
      throw refuse(`row ${i} has number ${offset} after ${after - 1}`, batch);
    after = offset + 1;
    numbers += flows.numbers[i]!;
  }
  if (after > next - first) throw refuse(`a row's number lies past the range`, batch);
  let lost = 0;
  for (const loss of batch.losses) {
    if (loss.flows < 0) throw refuse('a loss of a numbered stream without a count', batch);
    // Only who drives a dead letter again says so, of a batch that passed here.
    if (loss.reason === RECOVERED) throw refuse(`a loss of reason ${RECOVERED}`, batch);
    lost += loss.flows;
  }
  if (numbers + lost !== next - first) throw refuse(`${numbers} flows in rows and ${lost} in losses`, batch);
  for (const [name, value] of [
    [HEADER.ring, ring],
    [HEADER.seq, String(seq)],
    [HEADER.first, String(first)],
    [HEADER.next, String(next)],
  ] as const) {
    const said = headers[name];
    if (said !== undefined && said !== value) throw refuse(`header ${name} says ${said}`, batch);
  }
}

/** The source that stands for a message whose rows cannot be had: its range as the headers say, told as one loss. */
export function lostSource(offset: number, appendMs: number, headers: Headers, reason: string): Source {
  const range = headerRange(headers);
  const fromMs = count(headers[HEADER.from]);
  const toMs = count(headers[HEADER.to]);
  const hasInterval = range !== null && fromMs >= 0 && toMs >= fromMs;
  const loss: Loss = {
    stage: 'enricher',
    reason,
    flows: range === null ? -1 : range.next - range.first,
    intervalStartUs: (hasInterval ? fromMs : appendMs) * 1000,
    intervalEndUs: (hasInterval ? toMs : appendMs) * 1000,
    intentional: false,
  };
  return {
    offset,
    appendUs: appendMs * 1000,
    cluster: '',
    network: '',
    node: (headers[HEADER.node] ?? '').slice(0, NAME_BYTES_MAX),
    ring: range?.ring ?? '',
    seq: range?.seq ?? -1,
    first: range?.first ?? 0,
    next: range?.next ?? 0,
    flows: 0,
    rows: 0,
    losses: [loss],
  };
}

function refuse(problem: string, batch: RawBatch): WeirError {
  const { ring, seq, first, next, node } = batch;
  const message = `batch ${seq} of ring ${ring}, range [${first}, ${next}): ${problem}`;
  return new WeirError('WEIR_ENRICHER_RANGE_INVALID', message, { ring, seq, first, next, node });
}

/** A whole number of decimal digits, -1 for anything else. */
function count(text: string | undefined): number {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return -1;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : -1;
}
