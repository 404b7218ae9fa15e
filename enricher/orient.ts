/** Which end is src: the one that opened the connection; where that is not known, the greater (address, port). */
import { int32Words } from '../schemas/columns.ts';
import { LocalOutcome, Outcome, Reporter, Role } from '../schemas/generated/common.ts';
import type { EnrichedFlowColumns } from '../schemas/generated/flows-enriched-v1.ts';
import type { RawFlowColumns } from '../schemas/generated/flows-raw-v1.ts';
import { compareAddresses } from './ownership/address.ts';

/** By row: 1 where the reporting end is src. */
export type Sides = Uint8Array;

/** By LocalOutcome, for a reporter that is src, and for one that is dst. */
const OUTCOME_OF_SRC = outcomes(Outcome.resetBySrc, Outcome.resetByDst);
const OUTCOME_OF_DST = outcomes(Outcome.resetByDst, Outcome.resetBySrc);

/** Write what depends on the orientation alone: addresses, ports, counts by direction, outcome, reporter. */
export function orient(flows: RawFlowColumns, into: EnrichedFlowColumns, base: number): Sides {
  const sides = new Uint8Array(flows.length);
  const local = int32Words(flows.localAddr);
  const remote = int32Words(flows.remoteAddr);
  const src = int32Words(into.srcAddr);
  const dst = int32Words(into.dstAddr);
  for (let i = 0; i < flows.length; i += 1) {
    const row = base + i;
    const isSrc = localIsSrc(flows, local, remote, i);
    sides[i] = isSrc ? 1 : 0;
    const from = isSrc ? local : remote;
    const to = isSrc ? remote : local;
    for (let word = 0; word < 4; word += 1) {
      src[4 * row + word] = from[4 * i + word]!;
      dst[4 * row + word] = to[4 * i + word]!;
    }
    into.srcPort[row] = (isSrc ? flows.localPort : flows.remotePort)[i]!;
    into.dstPort[row] = (isSrc ? flows.remotePort : flows.localPort)[i]!;
    into.bytesToDst[row] = (isSrc ? flows.bytesSent : flows.bytesReceived)[i]!;
    into.bytesToSrc[row] = (isSrc ? flows.bytesReceived : flows.bytesSent)[i]!;
    into.segmentsToDst[row] = (isSrc ? flows.segmentsSent : flows.segmentsReceived)[i]!;
    into.segmentsToSrc[row] = (isSrc ? flows.segmentsReceived : flows.segmentsSent)[i]!;
    into.outcome[row] = (isSrc ? OUTCOME_OF_SRC : OUTCOME_OF_DST)[flows.outcome[i]!]!;
    into.reporter[row] = isSrc ? Reporter.src : Reporter.dst;
  }
  return sides;
}

function localIsSrc(flows: RawFlowColumns, local: Int32Array, remote: Int32Array, i: number): boolean {
  const role = flows.role[i];
  if (role !== Role.unknown) return role === Role.client;
  const order = compareAddresses(local, 4 * i, remote, 4 * i);
  return order === 0 ? flows.localPort[i]! >= flows.remotePort[i]! : order > 0;
}

function outcomes(byLocal: Outcome, byRemote: Outcome): Int32Array {
  const table = new Int32Array(9);
  table[LocalOutcome.open] = Outcome.open;
  table[LocalOutcome.closed] = Outcome.closed;
  table[LocalOutcome.resetByLocal] = byLocal;
  table[LocalOutcome.resetByRemote] = byRemote;
  table[LocalOutcome.refused] = Outcome.refused;
  table[LocalOutcome.timedOut] = Outcome.timedOut;
  table[LocalOutcome.unreachable] = Outcome.unreachable;
  table[LocalOutcome.abandoned] = Outcome.abandoned;
  table[LocalOutcome.other] = Outcome.other;
  return table;
}
