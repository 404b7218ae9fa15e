/** Is a batch ready to be joined, and if not, what is it waiting for? Pure over the history. */
import { type EndpointDictionary, SLOT_INTS, SLOT_OF_PORT, SLOT_OWNER, SLOT_TIMES, SLOT_WHOLE } from './endpoints.ts';
import type { OwnershipHistory } from './ownership/history.ts';
import { type Holders, Wait } from './ownership/holders.ts';
import { isBare } from './ownership/pod-names.ts';
import type { Network } from './ownership/reporters.ts';
import type { RawBatch } from '../schemas/generated/flows-raw-v1.ts';

/** A batch names at most this many of the things it waits for; once those are there, it is looked at again. */
const NEEDS_MAX = 32;

/** One thing waited for. The numbers are the same in every replica at the same position. */
export interface Need {
  /** -1: every live reporter of the network; -2: every live watcher. */
  readonly reporter: number;
  readonly network: string;
  /** Event time that must be passed, us. */
  readonly untilUs: number;
  /** Whether that reporter was live when it was looked at: a change is worth another look. */
  readonly live: boolean;
  /** A pod that is to be named (`PodNames`), or absent. */
  readonly pod?: string;
}

const WATCHERS = -2;

const NOTHING: readonly Need[] = [];

/** A network of which nobody has spoken yet: at a start its first full list may still be under way. */
export function needsOfUnknown(network: string, ends: EndpointDictionary): readonly Need[] {
  ends.ready.fill(0, 0, ends.length);
  for (let slot = 0; slot < ends.length; slot += 1) {
    if (ends.ints[SLOT_INTS * slot + SLOT_OWNER] !== -1) continue;
    return [{ reporter: -1, network, untilUs: ends.times[SLOT_TIMES * slot]!, live: false }];
  }
  return NOTHING;
}

/** Pods that the capture knows by their UID: a watcher that is live will say who they are. */
export function needsOfPods(
  history: OwnershipHistory,
  network: Network,
  { workloads, flows }: RawBatch,
  holders: Holders,
): readonly Need[] {
  const { pods } = history.workloads;
  if (!workloads.some(isBare)) return NOTHING;
  let untilUs = 0;
  for (let i = 0; i < flows.length; i += 1) untilUs = Math.max(untilUs, flows.endUs[i]!);
  // Before a look at each pod, which costs more.
  if (holders.watchersPast(untilUs)) return NOTHING;
  const unnamed = workloads.filter((workload) => pods.isUnnamed(workload));
  if (unnamed.length === 0) return NOTHING;
  untilUs += history.clockSkewUs;
  return unnamed.slice(0, NEEDS_MAX).map((workload) => {
    return { reporter: WATCHERS, network: network.name, untilUs, live: false, pod: pods.keyOf(workload) };
  });
}

/** Marks the dictionary's slots and returns what is waited for; empty: ready. */
export function needsOf(
  history: OwnershipHistory,
  network: Network,
  ends: EndpointDictionary,
  holders: Holders,
): readonly Need[] {
  let byReporter: Map<number, number> | null = null;
  const { ints, times, ready } = ends;
  const wait = new Wait();
  holders.begin(network);
  for (let slot = 0; slot < ends.length; slot += 1) {
    const k = SLOT_INTS * slot;
    const endUs = times[SLOT_TIMES * slot]!;
    const isReady =
      ints[k + SLOT_OWNER] !== -1 ||
      holders.isReady(ints, k, ints[k + SLOT_WHOLE]!, ints[k + SLOT_OF_PORT]!, endUs, wait);
    ready[slot] = isReady ? 1 : 0;
    const isOwned = ints[k + SLOT_OWNER] !== -1;
    if (isReady && (isOwned || !holders.awaitsName(ints[k + SLOT_WHOLE]!, ints[k + SLOT_OF_PORT]!, endUs))) continue;
    const reporter = isReady ? WATCHERS : wait.reporter;
    byReporter ??= new Map();
    const until = byReporter.get(reporter);
    if (until === undefined && byReporter.size >= NEEDS_MAX) continue;
    byReporter.set(reporter, Math.max(until ?? 0, endUs));
  }
  if (byReporter === null) return NOTHING;
  return [...byReporter].map(([reporter, endUs]) => {
    const untilUs = endUs + history.clockSkewUs;
    const live = reporter >= 0 && history.reporters.isLive(reporter);
    return { reporter, network: network.name, untilUs, live };
  });
}

/** Whether the batch is worth another look: all that it waited for has come, or somebody fell silent. */
export function isWorthALook(history: OwnershipHistory, needs: readonly Need[]): boolean {
  const { reporters, retainUs, workloads } = history;
  return needs.every(({ reporter, network, untilUs, live, pod }) => {
    const known = reporters.findNetwork(network);
    if (known === null || !known.isSeen) return false;
    if (pod !== undefined && workloads.pods.isNamed(pod)) return true;
    if (reporter === WATCHERS) return reporters.watchersConfirmedUs(known, retainUs) > untilUs;
    if (reporter < 0) return reporters.allConfirmedUs(known) > untilUs;
    return reporters.confirmedUs[reporter]! > untilUs || reporters.isLive(reporter) !== live;
  });
}
