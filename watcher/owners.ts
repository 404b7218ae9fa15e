/**
 * Who a pod runs for: the chain of controlling owners up to its top. Pure: a table of what is known, and the answer or
 * what is still to be asked of the API server.
 */
import { LRUCache } from 'lru-cache';
import type { Meta, OwnerRef } from './objects.ts';

export interface Owner {
  readonly name: string;
  readonly kind: string;
}

/** The answer, or the owner whose own owner must be known first. */
export type Chain = { readonly owner: Owner } | { readonly missing: OwnerRef; readonly namespace: string };

/** Owners that are remembered; one that was forgotten is asked for again. */
const OWNERS_MAX = 200_000;
/** Longer chains are cut: a cycle of references is possible, as the API server does not check them. */
const CHAIN_MAX = 8;

/** Kinds of Kubernetes' own that are workloads by their names. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ['apps/Deployment', 'Deployment'],
  ['apps/StatefulSet', 'StatefulSet'],
  ['apps/DaemonSet', 'DaemonSet'],
  ['apps/ReplicaSet', 'ReplicaSet'],
  ['batch/Job', 'Job'],
  ['batch/CronJob', 'CronJob'],
  ['/ReplicationController', 'ReplicaSet'],
]);

const groupOf = (apiVersion: string): string => (apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '');

const TOP = 'top';

export class OwnerTable {
  /** By UID: its own controller. */
  readonly #controllers = new LRUCache<string, OwnerRef | typeof TOP>({ max: OWNERS_MAX });

  /** `controller`: null for the top of a chain. */
  learn(uid: string, controller: OwnerRef | null): void {
    this.#controllers.set(uid, controller ?? TOP);
  }

  chainOf(pod: Meta): Chain {
    let top = pod.controller;
    // A static pod is its node's: it has no owner that runs elsewhere too.
    if (top === null || isNode(top)) return { owner: { name: pod.name, kind: 'Pod' } };
    for (let steps = 0; steps < CHAIN_MAX; steps += 1) {
      const next = this.#controllers.get(top.uid);
      if (next === undefined) return { missing: top, namespace: pod.namespace };
      if (next === TOP) break;
      top = next;
    }
    return { owner: ownerOf(top) };
  }
}

/** What an owner is as a workload, whatever it is itself owned by. */
export function ownerOf(ref: OwnerRef): Owner {
  return { name: ref.name, kind: KINDS.get(`${groupOf(ref.apiVersion)}/${ref.kind}`) ?? 'CustomResource' };
}

const isNode = (ref: OwnerRef): boolean => ref.kind === 'Node' && ref.apiVersion === 'v1';
