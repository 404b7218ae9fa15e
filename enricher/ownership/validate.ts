/** Claims that cannot hold are refused one by one: code WEIR_ENRICHER_CLAIM_INVALID, with the sentence from here. */
import { Method, type Pod, ReporterKind } from '../../schemas/generated/common.ts';
import type { ClaimColumns, OwnershipMessage } from '../../schemas/generated/ownership-v1.ts';
import { int32Words } from '../../schemas/columns.ts';
import { isLoopback, isMapped, isMulticast, isUnspecified } from './address.ts';

/** Nobody owns more than a /8 of IPv4: 96 + 8. */
const IPV4_PREFIX_MIN = 104;
/** Or more than a /16 of IPv6, but for the unique local addresses, fc00::/7, which may be known as a whole. */
const IPV6_PREFIX_MIN = 16;
const UNIQUE_LOCAL_PREFIX = 7;

/** What is wrong with claim `i`, null when nothing is. */
export function claimFault(claims: ClaimColumns, i: number, workloadsCount: number): string | null {
  const workload = claims.workload[i]!;
  const method = claims.method[i]!;
  if (workload < -1 || workload >= workloadsCount) return `workload ${workload} of ${workloadsCount}`;
  if (workload === -1 && method !== Method.prefix) return 'no workload, and not a known prefix';
  return timesFault(claims, i) ?? rangeFault(claims, i);
}

/** What is wrong with what a message says of a pod, null when nothing is. */
export function podFault(message: OwnershipMessage, { workload, toUs }: Pod): string | null {
  const { reporterKind, workloads } = message;
  if (reporterKind !== ReporterKind.watcher) return 'a pod is named by a reporter that is no watcher';
  if (workload < 0 || workload >= workloads.length) return `pod: workload ${workload} of ${workloads.length}`;
  if (workloads[workload]?.instanceUid === '') return 'a pod without UID';
  return toUs < -1 ? `pod: to ${toUs}: before 1970` : null;
}

function timesFault(claims: ClaimColumns, i: number): string | null {
  const earliest = claims.earliestUs[i]!;
  const from = claims.fromUs[i]!;
  const to = claims.toUs[i]!;
  const latest = claims.latestUs[i]!;
  if (from < 0 || earliest < 0) return `from ${from}, earliest ${earliest}: before 1970`;
  if (earliest > from) return `earliest ${earliest} after from ${from}`;
  if (to < -1 || latest < -1) return `to ${to}, latest ${latest}: before 1970`;
  if (to === -1) return latest === -1 ? null : `still held, and no longer seen at ${latest}`;
  if (from > to) return `from ${from} after to ${to}`;
  if (latest !== -1 && latest < to) return `latest ${latest} before to ${to}`;
  return null;
}

function rangeFault(claims: ClaimColumns, i: number): string | null {
  const prefixLength = claims.prefixLength[i]!;
  const port = claims.port[i]!;
  const method = claims.method[i]!;
  const words = int32Words(claims.addr);
  const at = 4 * i;
  if (port < 0 || port > 65_535) return `port ${port}`;
  if (prefixLength < 0 || prefixLength > 128) return `prefix length ${prefixLength}`;
  switch (method) {
    case Method.port:
      if (port === 0 || prefixLength !== 128) return 'a port without number, or of more than one address';
      break;
    case Method.service:
      if (prefixLength !== 128) return 'a service of more than one address';
      break;
    case Method.address:
    case Method.node:
      if (port !== 0 || prefixLength !== 128) return 'an address with a port, or more than one';
      break;
    case Method.prefix:
      if (port !== 0) return 'a prefix with a port';
      return prefixFault(words, at, prefixLength);
    default:
      return `method ${method} is not one that can be claimed`;
  }
  if (isLoopback(words, at)) return 'a loopback address, which every network namespace has';
  if (isUnspecified(words, at) || isMulticast(words, at)) return 'not the address of one holder';
  return null;
}

function prefixFault(words: Int32Array, at: number, prefixLength: number): string | null {
  if (isLoopback(words, at) || isMulticast(words, at)) return 'a prefix of loopback or multicast addresses';
  if (isMapped(words, at)) return prefixLength < IPV4_PREFIX_MIN ? `an IPv4 prefix of ${prefixLength - 96} bits` : null;
  const first = words[at]! & 0xff;
  const least = (first & 0xfe) === 0xfc ? UNIQUE_LOCAL_PREFIX : IPV6_PREFIX_MIN;
  if (prefixLength < least) return `an IPv6 prefix of ${prefixLength} bits`;
  const mappedInside = words[at] === 0 && words[at + 1] === 0 && prefixLength < 96;
  return mappedInside ? 'a prefix that holds all of IPv4' : null;
}
