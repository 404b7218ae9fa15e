/** What a replay changed, end by end. */
import { Method } from '../schemas/generated/common.ts';
import { decodeEnrichedBatch, type EnrichedBatch } from '../schemas/generated/flows-enriched-v1.ts';

export interface ReplayCounts {
  /** Rows joined again, and of them those that are the same in every column. */
  rows: number;
  same: number;
  /** Rows whose raw messages the log has no more. */
  gone: number;
  /** Ends that have an owner now and had none; have none now and had one; have another one. */
  namedNow: number;
  namedNoMore: number;
  otherOwner: number;
  /** Ends of the same owner that differ in method, reason, since or place. */
  otherDetail: number;
}

export const newReplayCounts = (): ReplayCounts => {
  return { rows: 0, same: 0, gone: 0, namedNow: 0, namedNoMore: 0, otherOwner: 0, otherDetail: 0 };
};

/** A batch as it was recorded, and as it was joined again. */
export function addComparison(
  counts: ReplayCounts,
  recordedBytes: Uint8Array,
  recorded: EnrichedBatch,
  again: readonly Uint8Array[],
): void {
  counts.rows += recorded.flows.length;
  if (again.length === 1 && Buffer.compare(recordedBytes, again[0]!) === 0) {
    counts.same += recorded.flows.length;
    return;
  }
  let row = 0;
  for (const bytes of again) {
    const batch = decodeEnrichedBatch(bytes);
    for (let i = 0; i < batch.flows.length; i += 1, row += 1) compareRow(counts, recorded, row, batch, i);
  }
}

function compareRow(counts: ReplayCounts, before: EnrichedBatch, i: number, after: EnrichedBatch, j: number): void {
  let isSame = restOf(before, i) === restOf(after, j);
  for (const end of ['src', 'dst'] as const) {
    const was = endOf(before, i, end);
    const is = endOf(after, j, end);
    if (was.owner !== is.owner) {
      if (was.owner === '') counts.namedNow += 1;
      else if (is.owner === '') counts.namedNoMore += 1;
      else counts.otherOwner += 1;
    } else if (was.detail !== is.detail) counts.otherDetail += 1;
    else continue;
    isSame = false;
  }
  if (isSame) counts.same += 1;
}

function endOf({ flows, workloads, places }: EnrichedBatch, row: number, end: 'src' | 'dst') {
  const workload = workloads[flows[`${end}Workload`][row]!];
  const place = places[flows[`${end}Place`][row]!];
  const method = flows[`${end}Method`][row]!;
  const isNamed = workload !== undefined && method !== Method.none;
  const detail = [method, flows[`${end}Reason`][row], flows[`${end}SinceUs`][row], place];
  return { owner: isNamed ? JSON.stringify(workload) : '', detail: JSON.stringify(detail) };
}

/** Columns that number a dictionary entry, or that `endOf` has seen: they are compared by what they mean. */
const BY_MEANING = /^(src|dst)(Workload|Method|Reason|SinceUs|Place|Service)$|^process$/;
const ADDRESSES = ['srcAddr', 'dstAddr'];

/** The rest of the row. */
function restOf({ flows, services, processes }: EnrichedBatch, row: number): string {
  const values: unknown[] = [services[flows.dstService[row]!], processes[flows.process[row]!]];
  for (const [name, column] of Object.entries(flows) as [string, unknown][]) {
    if (!ArrayBuffer.isView(column) || BY_MEANING.test(name)) continue;
    const cells = column as Float64Array | Int32Array | Uint8Array;
    if (ADDRESSES.includes(name)) values.push(cells.subarray(16 * row, 16 * row + 16).join());
    else values.push(cells[row]);
  }
  return JSON.stringify(values);
}
