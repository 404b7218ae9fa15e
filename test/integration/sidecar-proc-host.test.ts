import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { readlinkSync } from 'node:fs';
import { test } from 'node:test';
import { silentLogger } from '../../contract/log.ts';
import { mountHere } from '../../sidecar/capture-host.ts';
import { openProcHost } from '../../sidecar/host/proc-host.ts';

const options = { cluster: 'c', network: 'n', node: 'node-a', logger: silentLogger };

test('this machine is seen: its namespace, and this process as the holder of its listener', async () => {
  if (mountHere('cgroup2') === null) {
    assert.throws(() => openProcHost(options), { code: 'WEIR_SIDECAR_NO_CGROUP2' });
    return;
  }
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const inode = Number(/\d+/.exec(readlinkSync('/proc/self/ns/net'))?.[0]);
    const host = openProcHost(options);
    const snapshot = await host.snapshot([{ netns: inode, port, pid: process.pid }]);
    assert.ok(snapshot.startedUs < snapshot.finishedUs);
    const here = snapshot.namespaces.find((namespace) => namespace.inode === inode);
    assert.ok(here !== undefined && here.cgroupIds.length > 0);
    const listener = snapshot.listeners.find((found) => found.netns === inode && found.port === port);
    assert.ok(listener !== undefined && here.cgroupIds.includes(listener.cgroupId));
    assert.ok(listener.pid === process.pid || listener.pid === 0);
    const identity = host.identify(listener.cgroupId, process.pid, 'node');
    assert.ok(identity !== null && identity.workload.name !== '' && identity.workload.node === 'node-a');
  } finally {
    server.close();
  }
});

test('a folder that is no cgroup is refused', () => {
  assert.throws(() => openProcHost({ ...options, cgroupPath: '/proc' }), { code: 'WEIR_SIDECAR_NO_CGROUP2' });
});
