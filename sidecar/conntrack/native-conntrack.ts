/** The part of the addon that listens to connection tracking: sidecar/addon/conntrack-napi.c. */
import { loadAddon } from '../native.ts';

declare const conntrackBrand: unique symbol;
/** Sockets of this process's network namespace. Closed when collected, at the latest. */
export interface ConntrackHandle {
  readonly [conntrackBrand]: true;
}

/** Wrong arguments throw a TypeError with code WEIR_SIDECAR_ADDON_ARGUMENT; a refusing kernel a NativeError. */
export interface ConntrackAddon {
  /** `bufferBytes` 4 KiB to 256 MiB: what the kernel keeps of events that were not read. Needs CAP_NET_ADMIN. */
  conntrackOpen(options: { readonly bufferBytes: number }): ConntrackHandle;
  /**
   * Events so far, as records of 80 bytes; `into` is the caller's, room for 64 or more. `more`: there may be others.
   * ENOBUFS: some did not fit into the kernel's buffer and are lost.
   */
  conntrackRead(handle: ConntrackHandle, into: Uint8Array): { readonly records: number; readonly more: boolean };
  /** The next part of a list of what is there, which the first call begins; `into` has room for 512 records or more. */
  conntrackDump(handle: ConntrackHandle, into: Uint8Array): { readonly records: number; readonly done: boolean };
  /** Idempotent. */
  conntrackClose(handle: ConntrackHandle): void;
  /** Whether nf_tables, iptables-nft included, has a chain of the type nat in this namespace. */
  conntrackNatChains(): boolean;
  /** What reading makes of one datagram. For tests. */
  conntrackParse(
    bytes: Uint8Array,
    into: Uint8Array,
  ): { readonly records: number; readonly malformed: number; readonly error: number; readonly done: boolean };
}

/** Fails: WEIR_SIDECAR_NO_ADDON. */
export const loadConntrack = (): ConntrackAddon => loadAddon() as unknown as ConntrackAddon;
