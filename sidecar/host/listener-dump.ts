/**
 * Listeners of network namespaces by the kernel's own list of them (sock_diag): 0.05 ms, where reading net/tcp and
 * net/tcp6 walks the table of all connections of all namespaces and takes 4 ms.
 */
import { isNativeError, type CaptureAddon } from '../native.ts';
import type { ListeningSocket } from './net-files.ts';
import { linkInode } from './proc-files.ts';

/** linux/netlink.h and linux/inet_diag.h, in the machine's byte order but for ports and addresses. */
const HEADER_BYTES = 16;
const SOCK_DIAG_BY_FAMILY = 20;
const MESSAGE = { bytes: 72, family: 0, state: 1, port: 4, addr: 8, inode: 68 } as const;
const AF_INET = 2;
const AF_INET6 = 10;
const TCP_LISTEN = 10;

/**
 * Will be the same at the next look: no right (EPERM, EACCES), no such thing in this kernel (EINVAL, ENOSYS,
 * EPROTONOSUPPORT, which the addon says for a missing tcp_diag too, EAFNOSUPPORT), no answer in time (EAGAIN). Anything
 * else may be over by then: a process that ended.
 */
const REFUSALS: ReadonlySet<number> = new Set([1, 13, 22, 38, 93, 97, 11]);

/** Listening sockets of a dump. Pure. What is cut off or none of it is left out. */
export function dumpedSockets(dump: Uint8Array): ListeningSocket[] {
  const view = new DataView(dump.buffer, dump.byteOffset, dump.byteLength);
  const sockets: ListeningSocket[] = [];
  for (let at = 0; at + HEADER_BYTES <= dump.length; ) {
    const bytes = view.getUint32(at, true);
    if (bytes < HEADER_BYTES || at + bytes > dump.length) break;
    if (view.getUint16(at + 4, true) === SOCK_DIAG_BY_FAMILY && bytes >= HEADER_BYTES + MESSAGE.bytes) {
      const socket = socketAt(view, at + HEADER_BYTES);
      if (socket !== null) sockets.push(socket);
    }
    at += (bytes + 3) & ~3;
  }
  return sockets;
}

function socketAt(view: DataView, at: number): ListeningSocket | null {
  const family = view.getUint8(at + MESSAGE.family);
  if (view.getUint8(at + MESSAGE.state) !== TCP_LISTEN) return null;
  if (family !== AF_INET && family !== AF_INET6) return null;
  const addr = new Uint8Array(16);
  const from = family === AF_INET ? 12 : 0;
  if (from === 12) addr.set([0xff, 0xff], 10);
  for (let i = from; i < 16; i++) addr[i] = view.getUint8(at + MESSAGE.addr + i - from);
  return { addr, port: view.getUint16(at + MESSAGE.port), inode: view.getUint32(at + MESSAGE.inode, true) };
}

/**
 * Asks in this process's own namespace without any right, in another one with CAP_SYS_ADMIN. What the kernel refuses
 * once it is not asked again.
 */
export class ListenerDump {
  readonly #addon: Pick<CaptureAddon, 'listenerDump'>;
  readonly #procRoot: string;
  readonly #own: number;
  #mayEnter = true;
  #mayAsk = true;

  constructor(addon: Pick<CaptureAddon, 'listenerDump'>, procRoot: string) {
    this.#addon = addon;
    this.#procRoot = procRoot;
    const own = linkInode(`${procRoot}/self/ns/net`, 'net');
    this.#own = typeof own === 'number' ? own : 0;
  }

  /** Null: it cannot be asked; the files tell. `pids` live there. */
  of(netns: number, pids: ReadonlySet<number>): readonly ListeningSocket[] | null {
    if (netns === this.#own) return this.#mayAsk ? this.#ask(null, netns) : null;
    for (const pid of pids) {
      if (!this.#mayAsk || !this.#mayEnter || netns <= 0) return null;
      const sockets = this.#ask(`${this.#procRoot}/${pid}/ns/net`, netns);
      if (sockets !== null) return sockets;
    }
    return null;
  }

  #ask(path: string | null, inode: number): readonly ListeningSocket[] | null {
    try {
      return dumpedSockets(this.#addon.listenerDump({ path, inode }));
    } catch (cause) {
      if (!isNativeError(cause)) throw cause;
      if (path === null) this.#mayAsk = !REFUSALS.has(cause.errno);
      else this.#mayEnter = !REFUSALS.has(cause.errno);
      return null;
    }
  }
}
