/** The columns of a raw batch that an enriched one takes over as they are, or with another dictionary. */
import type { EnrichedFlowColumns } from '../schemas/generated/flows-enriched-v1.ts';
import type { RawBatch } from '../schemas/generated/flows-raw-v1.ts';

/** Same name, type and meaning on both sides. */
const SAME = [
  'numbers',
  'report',
  'connectionCount',
  'startUs',
  'endUs',
  'openedUs',
  'roleMethod',
  'error',
  'retransmittedSegments',
  'retransmittedBytes',
  'lostSegments',
  'reorderingEvents',
  'outOfOrderSegments',
  'rtoTimeouts',
  'rttUs',
  'rttVarUs',
  'rttMinUs',
  'connectUs',
  'busyUs',
  'rwndLimitedUs',
  'sndbufLimitedUs',
  'unsentBytes',
  'connectionId',
  'seeded',
] as const;

/** Copy them to rows `base` and on. `processes` maps the batch's indices to the enriched ones. */
export function copyColumns(
  batch: RawBatch,
  into: EnrichedFlowColumns,
  base: number,
  processes: readonly number[],
): void {
  const { flows, first } = batch;
  const rows = flows.length;
  for (const name of SAME) into[name].set(flows[name].subarray(0, rows), base);
  for (let i = 0; i < rows; i += 1) {
    const process = flows.process[i]!;
    into.flowNumber[base + i] = first + flows.numberOffset[i]!;
    into.process[base + i] = process < 0 ? -1 : processes[process]!;
  }
}
