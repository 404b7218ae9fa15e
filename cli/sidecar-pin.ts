/** Where the capture of this node is pinned, and that one process a node captures. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import type { Config } from '../contract/config-table.ts';
import { fromUnknown, WeirError } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';
import { isBpffs, lackingHere, lockHolder, MOUNT_BPFFS } from '../sidecar/capture-host.ts';
import { captureError, loadAddon } from '../sidecar/native.ts';
import { nodeName } from './sidecar-parts.ts';

const BPFFS = '/sys/fs/bpf';
/** One folder a node. */
const WEIR = join(BPFFS, 'weir');
const OFF = 'off';

/** A bpffs takes no name with a dot; node names have no "+". */
const folderOf = (node: string): string => join(WEIR, node.replaceAll('.', '+'));

/** The pin folder of the configuration, its parent made; null: the capture ends with the process, and the log says so. */
export function pinFolder(config: Config, logger: Logger): string | null {
  const configured = config['sidecar.pin'];
  if (configured === OFF) return null;
  if (configured !== '') return configured;
  if (!isBpffs(BPFFS)) {
    const cost = 'a sidecar that is killed takes its ring along, and nothing is recorded until the next one';
    logger.warn({ mend: MOUNT_BPFFS }, `no bpffs on ${BPFFS}, the capture is not pinned: ${cost}`);
    return null;
  }
  const folder = folderOf(nodeName(config));
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
  return folder;
}

/**
 * Take every pinned capture out of the kernel, or the configured one only; what it had not sent is gone. Returns the folders.
 * Fails: WEIR_DATA_IN_USE naming the pid of a sidecar that runs, WEIR_SIDECAR_NO_ADDON, WEIR_SIDECAR_NO_RIGHTS.
 */
export function detachAll(config: Config): readonly string[] {
  const configured = config['sidecar.pin'];
  const named = configured !== '' && configured !== OFF;
  const folders = named ? [configured] : existsSync(WEIR) ? readdirSync(WEIR).map((name) => join(WEIR, name)) : [];
  const there = folders.filter((folder) => existsSync(folder));
  const addon = loadAddon();
  for (const path of there) {
    try {
      addon.unpin({ path });
    } catch (cause) {
      throw captureError(cause, path, lackingHere(), lockHolder(path));
    }
  }
  return there;
}

/** Held by this process until it ends. */
export interface NodeHold {
  release(): void;
}

/**
 * One sidecar a node: an abstract socket, which ends with its process and answers with its pid. Where the capture is pinned
 * the folder's lock says the same across network namespaces. Fails: WEIR_DATA_IN_USE naming the pid.
 */
export async function holdNode(config: Config): Promise<NodeHold> {
  const node = `${config.cluster}/${nodeName(config)}`;
  const address = `\0weir-sidecar-${createHash('sha256').update(node).digest('hex')}`;
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).end(String(process.pid)));
  try {
    await listen(server, address);
  } catch (cause) {
    const error = fromUnknown(cause, 'WEIR_INTERNAL', `the sidecar of ${node} cannot be held`);
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EADDRINUSE')) throw error;
    const pid = await whoHas(address);
    const message = `process ${pid} runs the sidecar of ${node}; one a node`;
    throw new WeirError('WEIR_DATA_IN_USE', message, { pid, node }, cause);
  }
  server.unref();
  return { release: () => server.close() };
}

const listen = (server: Server, address: string): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, resolve);
  });

/** The pid that the holder answers with; "?" when it has gone meanwhile. */
const whoHas = (address: string): Promise<string> =>
  new Promise((resolve) => {
    let text = '';
    const socket = connect(address);
    socket.setTimeout(2000, () => socket.destroy());
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(/^\d+$/.test(text) ? text : '?'));
  });
