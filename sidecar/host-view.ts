/**
 * What the sidecar knows of its machine besides the ring: who lives in which cgroup, which addresses a network
 * namespace has, who listens. /proc and /sys are one implementation, a recording another.
 */
import type { Workload } from '../schemas/generated/common.ts';

export interface LocalIdentity {
  readonly workload: Workload;
  /** 64 hex digits, or empty. */
  readonly containerId: string;
}

export interface NamespaceAddress {
  /** 16 bytes, IPv4 as ::ffff:a.b.c.d. */
  readonly addr: Uint8Array;
  /** Of the 128-bit address. */
  readonly prefixLength: number;
}

export interface NetworkNamespace {
  readonly inode: number;
  /** Without loopback and link-local ones. */
  readonly addresses: readonly NamespaceAddress[];
  /** cgroup ids of the watched processes that live in it. */
  readonly cgroupIds: readonly number[];
  /** Others live in it too, or it cannot be told: its addresses are nobody's alone. */
  readonly shared: boolean;
}

export interface Listener {
  readonly netns: number;
  /** 16 bytes; all zero (or ::ffff:0.0.0.0) listens on every address of its family. */
  readonly addr: Uint8Array;
  readonly port: number;
  /** Of the process that holds the socket. */
  readonly cgroupId: number;
  readonly pid: number;
  readonly comm: string;
}

/** A listen record of the ring: where to look first for the owner of a new listener. */
export interface ListenHint {
  readonly netns: number;
  readonly port: number;
  readonly pid: number;
}

export interface HostSnapshot {
  /** Taken between these two moments, us since 1970. */
  readonly startedUs: number;
  readonly finishedUs: number;
  readonly namespaces: readonly NetworkNamespace[];
  readonly listeners: readonly Listener[];
}

export interface HostView {
  readonly node: string;
  /** Whom a cgroup belongs to; pid and comm help where the cgroup does not say. Cached by the implementation. */
  identify(cgroupId: number, pid: number, comm: string): LocalIdentity | null;
  /** Look at every watched process's network namespace now. */
  snapshot(listening?: readonly ListenHint[]): Promise<HostSnapshot>;
  /**
   * Only a playback has it: the recorded moment of the next snapshot has come, take it now. Where it is undefined the
   * caller keeps its own time.
   */
  readonly snapshotReady?: boolean;
}
