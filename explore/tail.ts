/** Live flows: follows the enriched topic, every connection once. */
import { WeirError } from '../contract/errors.ts';
import { OUTCOME_SYMBOLS, REPORT_SYMBOLS, Report, Reporter } from '../schemas/generated/common.ts';
import {
  decodeEnrichedBatch,
  type EnrichedBatch,
  EnrichedFlowColumns,
} from '../schemas/generated/flows-enriched-v1.ts';
import type { Log, Message, Offset } from '../transport/log.ts';
import { formatAddress, formatBytes, formatMicros } from './units.ts';

const READ_BYTES_MAX = 8 * 1024 * 1024;
const READ_MESSAGES_MAX = 100;
/** How long one read waits: what a new message is late at most, and a stop. */
const WAIT_MS = 250;
/** Streams whose numbers are remembered, so that a repeated batch is not shown twice. */
const STREAMS_MAX = 100_000;

export interface TailEnd {
  readonly addr: string;
  /** -1 in a merged row. */
  readonly port: number;
  /** Null where it has no owner. */
  readonly workload: string | null;
  readonly namespace: string | null;
}

export interface TailFlow {
  /** Unix microseconds. */
  readonly endUs: number;
  readonly src: TailEnd;
  readonly dst: TailEnd;
  readonly report: (typeof REPORT_SYMBOLS)[number];
  readonly outcome: (typeof OUTCOME_SYMBOLS)[number];
  readonly connections: number;
  readonly bytesToDst: number;
  readonly bytesToSrc: number;
  /** Null without a sample. */
  readonly rttUs: number | null;
}

export interface TailFilter {
  /** Only what was never established, or broke. */
  readonly failed?: boolean;
  /** One end's workload, namespace or address contains this. */
  readonly text?: string;
  /** Both ends' reports, where there are two. */
  readonly bothEnds?: boolean;
}

export interface TailOptions {
  readonly log: Log;
  readonly topic: string;
  readonly from: 'start' | 'end';
  readonly filter?: TailFilter;
  readonly signal: AbortSignal;
}

/** Until the signal aborts. Fails: WEIR_TRANSPORT_*; what cannot be decoded is passed over (the sink tells of it). */
export async function* tailFlows(options: TailOptions): AsyncGenerator<TailFlow> {
  const { log, topic, signal, filter = {} } = options;
  const description = await log.describe(topic);
  const next = description.partitions.map((bounds) => bounds[options.from]);
  const seen = new Map<string, number>();
  const columns = new EnrichedFlowColumns(1024);
  while (!signal.aborted) {
    const reads = await Promise.all(next.map(async (from, partition) => read(log, topic, partition, from, signal)));
    for (const [partition, { messages, again }] of reads.entries()) {
      for (const message of messages) yield* flowsOf(message, columns, seen, filter);
      next[partition] = again;
    }
  }
}

/** A topic that was made anew is followed from its beginning. */
async function read(log: Log, topic: string, partition: number, from: Offset, signal: AbortSignal) {
  try {
    const options = { messagesMax: READ_MESSAGES_MAX, bytesMax: READ_BYTES_MAX, waitMs: WAIT_MS, signal };
    const { messages } = await log.read(topic, partition, from, options);
    const last = messages.at(-1);
    return { messages, again: (last === undefined ? from : last.offset + 1) as Offset };
  } catch (error) {
    if (!(error instanceof WeirError) || error.code !== 'WEIR_TRANSPORT_OUT_OF_RANGE') throw error;
    const bounds = (await log.describe(topic)).partitions[partition];
    return { messages: [], again: bounds?.start ?? (0 as Offset) };
  }
}

function* flowsOf(
  message: Message,
  columns: EnrichedFlowColumns,
  seen: Map<string, number>,
  filter: TailFilter,
): Generator<TailFlow> {
  let batch: EnrichedBatch;
  try {
    batch = decodeEnrichedBatch(message.value, columns);
  } catch (error) {
    if (error instanceof WeirError && error.disposition === 'drop') return;
    throw error;
  }
  let row = 0;
  for (const source of batch.sources) {
    const end = row + source.rows;
    const repeated = source.next <= (seen.get(source.ring) ?? 0);
    if (seen.size >= STREAMS_MAX) seen.clear();
    if (!repeated) seen.set(source.ring, source.next);
    for (; row < end; row++) {
      if (repeated) continue;
      if (filter.bothEnds !== true && batch.flows.reporter[row] === Reporter.dst && batch.flows.peerReports[row] === 1)
        continue;
      const flow = flowAt(batch, row);
      if (matches(flow, filter)) yield flow;
    }
  }
}

function flowAt(batch: EnrichedBatch, row: number): TailFlow {
  const { flows, workloads } = batch;
  const end = (addr: Uint8Array, port: number, workload: number): TailEnd => {
    const owner = workload < 0 ? undefined : workloads[workload];
    const text = formatAddress(addr.subarray(16 * row, 16 * row + 16));
    return { addr: text, port, workload: owner?.name ?? null, namespace: owner?.namespace || null };
  };
  const rttUs = flows.rttUs[row]!;
  return {
    endUs: flows.endUs[row]!,
    src: end(flows.srcAddr, flows.srcPort[row]!, flows.srcWorkload[row]!),
    dst: end(flows.dstAddr, flows.dstPort[row]!, flows.dstWorkload[row]!),
    report: REPORT_SYMBOLS[flows.report[row]!] ?? REPORT_SYMBOLS[Report.final],
    outcome: OUTCOME_SYMBOLS[flows.outcome[row]!] ?? 'other',
    connections: flows.connectionCount[row]!,
    bytesToDst: flows.bytesToDst[row]!,
    bytesToSrc: flows.bytesToSrc[row]!,
    rttUs: rttUs < 0 ? null : rttUs,
  };
}

const BROKEN: ReadonlySet<string> = new Set([
  'reset_by_src',
  'reset_by_dst',
  'refused',
  'timed_out',
  'unreachable',
  'other',
]);

function matches(flow: TailFlow, { failed = false, text }: TailFilter): boolean {
  if (failed && !BROKEN.has(flow.outcome)) return false;
  if (text === undefined) return true;
  return [flow.src, flow.dst].some((end) =>
    [end.addr, end.workload, end.namespace].some((of) => of?.includes(text) === true),
  );
}

/** `10:30:01.250 shop/web:40000 -> shop/cart:80 closed 100 B out 1.0 kB in rtt 0.20 ms`. */
export function formatTailLine(flow: TailFlow): string {
  const time = new Date(flow.endUs / 1000).toISOString().slice(11, 23);
  const what = flow.report === 'merged' ? `${flow.outcome} x${flow.connections}` : flow.outcome;
  const rtt = flow.rttUs === null ? '' : ` rtt ${formatMicros(flow.rttUs)}`;
  return (
    `${time} ${endText(flow.src)} -> ${endText(flow.dst)} ${what} ` +
    `${formatBytes(flow.bytesToDst)} out ${formatBytes(flow.bytesToSrc)} in${rtt}`
  );
}

function endText({ addr, port, workload, namespace }: TailEnd): string {
  const host = addr.includes(':') ? `[${addr}]` : addr;
  const name = workload === null ? host : namespace === null ? workload : `${namespace}/${workload}`;
  return port < 0 ? name : `${name}:${port}`;
}
