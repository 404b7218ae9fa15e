import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { hexOf } from '../../sidecar/address.ts';
import { ListenerDump } from '../../sidecar/host/listener-dump.ts';
import { ListenerFiles } from '../../sidecar/host/listener-files.ts';
import { loadAddon } from '../../sidecar/native.ts';
import type { Listener } from '../../sidecar/host-view.ts';
import { Fleet, follow, type Running } from './harness.ts';

let fleet: Fleet;
let load: string;
let away: string;
let older: Running;
const servers: Server[] = [];
before(async () => {
  fleet = new Fleet();
  load = fleet.compile('load');
  away = fleet.namespace('away');
  older = fleet.spawn(away, load, 'serve', '127.0.0.1', '7400', '1', '1', '1', 'server');
  await older.saw(/ready/);
  for (const host of ['127.0.0.1', '0.0.0.0', '::', '::1']) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen({ port: 0, host, ipv6Only: host === '::' }, resolve));
    servers.push(server);
  }
});
after(async () => {
  for (const server of servers) server.close();
  await fleet.remove();
});

const netnsOf = (pid: number | string): number => Number(/\d+/.exec(readlinkSync(`/proc/${pid}/ns/net`))?.[0]);

function listenersOf(dump: ListenerDump | null, pid: number): string[] {
  const files = new ListenerFiles('/proc', dump);
  const netns = netnsOf(pid);
  files.beginScan();
  const found = files.of(netns, new Set([pid]), new Map([[pid, { cgroupId: 7 }]]), null, []);
  files.endScan();
  const line = ({ addr, port, pid: holder, comm, cgroupId }: Listener): string =>
    `${hexOf(addr)} ${port} ${holder} ${comm} ${cgroupId}`;
  return found.map(line).sort();
}

test("the kernel's list says of this namespace what its files say, IPv4 and IPv6", () => {
  const dumped = listenersOf(new ListenerDump(loadAddon(), '/proc'), process.pid);
  assert.ok(dumped.length >= servers.length);
  assert.deepEqual(dumped, listenersOf(null, process.pid));
});

test('another namespace is asked without going there: this process stays where it is', () => {
  const here = netnsOf('self');
  const dump = new ListenerDump(loadAddon(), '/proc');
  const found = dump.of(netnsOf(older.pid), new Set([older.pid]));
  assert.deepEqual(
    found?.map(({ port }) => port),
    [7400],
  );
  assert.deepEqual(listenersOf(dump, older.pid), listenersOf(null, older.pid));
  assert.equal(netnsOf('self'), here);
  assert.equal(netnsOf('thread-self'), here);
});

test('a process that lives elsewhere by now, or has ended, is not taken for the namespace', () => {
  const addon = loadAddon();
  const path = `/proc/${older.pid}/ns/net`;
  assert.throws(() => addon.listenerDump({ path, inode: netnsOf('self') }), { errno: 116 });
  assert.throws(() => addon.listenerDump({ path: '/proc/4194304/ns/net', inode: 1 }), { errno: 2 });
  assert.throws(() => addon.listenerDump({ path: '/etc/hostname', inode: 0 }), { errno: 116 });
  const dump = new ListenerDump(addon, '/proc');
  assert.equal(dump.of(netnsOf(older.pid), new Set([process.pid, 4_194_304])), null);
  assert.equal(dump.of(netnsOf(older.pid), new Set([process.pid, older.pid]))?.length, 1);
});

/** linux/netlink.h: a message of a type with a body. */
function netlink(type: number, body: readonly number[]): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(16 + 4 * body.length, 0);
  head.writeUInt16LE(type, 4);
  return Buffer.concat([head, Buffer.from(Int32Array.from(body).buffer)]);
}

test('a list that ends with an error is none, also where the kernel puts the error into its end', () => {
  const [ERROR, DONE, SOCKET] = [2, 3, 20];
  const [ENOENT, EBADMSG] = [2, 74];
  const socket = netlink(
    SOCKET,
    Array.from({ length: 18 }, () => 0),
  );
  const cases: readonly (readonly [Buffer, number])[] = [
    [socket, 0],
    [netlink(DONE, [0]), 1],
    [netlink(DONE, []), 1],
    [Buffer.concat([socket, netlink(DONE, [0])]), 1],
    [netlink(DONE, [-ENOENT]), -ENOENT],
    [Buffer.concat([socket, netlink(DONE, [-ENOENT, 0])]), -ENOENT],
    [netlink(DONE, [-100_000]), -EBADMSG],
    [netlink(ERROR, [-ENOENT, 0, 0, 0, 0]), -ENOENT],
    [netlink(ERROR, [-ENOENT]), -EBADMSG],
    [netlink(DONE, [-ENOENT]).subarray(0, 18), -EBADMSG],
  ];
  const told = execFileSync(
    fleet.compile('diag-end'),
    cases.map(([bytes]) => bytes.toString('hex')),
    { encoding: 'utf8' },
  );
  assert.deepEqual(
    told.trim().split('\n').map(Number),
    cases.map(([, end]) => end),
  );
});

test('wrong arguments are refused', () => {
  const addon = loadAddon() as unknown as { listenerDump(...args: unknown[]): unknown };
  const wrong = [[], [null], [{}], [{ path: 7, inode: 1 }], [{ path: '', inode: 1 }], [{ path: null, inode: -1 }]];
  for (const args of [...wrong, [{ path: 'a\0b', inode: 1 }], [{ path: null, inode: 2 ** 32 }]]) {
    assert.throws(() => addon.listenerDump(...args), { code: 'WEIR_SIDECAR_ADDON_ARGUMENT' }, JSON.stringify(args));
  }
});

test('thousands of listeners, more than the kernel says at once, are all there', async () => {
  const before = listenersOf(null, process.pid).length;
  const many = Array.from({ length: 1500 }, () => createServer());
  await Promise.all(many.map((server) => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))));
  try {
    assert.equal(listenersOf(new ListenerDump(loadAddon(), '/proc'), process.pid).length, before + many.length);
  } finally {
    for (const server of many) server.close();
  }
});

test('without CAP_SYS_ADMIN the own namespace is asked, and the files tell of the others', async () => {
  const set = '-all,+net_admin,+sys_ptrace';
  const script = join(import.meta.dirname, '..', 'fixtures', 'listeners-once.ts');
  const only = [`--bounding-set=${set}`, `--inh-caps=${set}`, '--no-new-privs'];
  const asked = follow(spawn('setpriv', [...only, process.execPath, script, String(older.pid)]));
  await asked.ended;
  const seen = JSON.parse(asked.output().trim()) as { own: boolean; other: boolean; ports: number[] };
  assert.deepEqual(seen, { own: true, other: false, ports: [7400] });
});
