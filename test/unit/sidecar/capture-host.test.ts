import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missingCapabilities, mountOf, resolveCgroup, holderOf } from '../../../sidecar/capture-host.ts';

const HYBRID = `tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0
cgroup2 /mnt/second cgroup2 rw 0 0
`;

test('the first mount of a type is found by its type, not by its place', () => {
  assert.equal(mountOf('cgroup2', HYBRID), '/sys/fs/cgroup/unified');
  assert.equal(mountOf('bpf', HYBRID), null);
  assert.equal(mountOf('cgroup2', ''), null);
  assert.equal(mountOf('bpf', 'none /a\\040b\\134c bpf rw 0 0\n'), '/a b\\c');
});

const status = (hex: string): string => `Name:\tnode\nCapPrm:\t0\nCapEff:\t${hex}\n`;

test('missing capabilities are named, and CAP_SYS_ADMIN stands for two of them', () => {
  assert.deepEqual(missingCapabilities(status('000001fffeffffff')), []);
  assert.deepEqual(missingCapabilities(status('0000000000000000')), ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN']);
  assert.deepEqual(missingCapabilities(status('000000c000000000')), ['CAP_NET_ADMIN']);
  assert.deepEqual(missingCapabilities(status('0000008000001000')), ['CAP_PERFMON']);
  assert.deepEqual(missingCapabilities(status('0000000000201000')), []);
  assert.deepEqual(missingCapabilities('no such line'), ['CAP_BPF', 'CAP_PERFMON', 'CAP_NET_ADMIN']);
});

test('a cgroup that is none is refused with its path', () => {
  assert.throws(() => resolveCgroup('/proc'), { code: 'WEIR_SIDECAR_NO_CGROUP2', message: /\/proc is not in/ });
  assert.throws(() => resolveCgroup('/nowhere'), { code: 'WEIR_SIDECAR_NO_CGROUP2', message: /\/nowhere/ });
});

test('the holder of a lock is found by device and inode, and only by a flock', () => {
  const locks = '1: POSIX  ADVISORY  WRITE 7 00:1f:42 0 EOF\n2: FLOCK  ADVISORY  WRITE 1234 00:1f:42 0 EOF\n';
  assert.equal(holderOf(locks, 0, 0x1f, 42n), 1234);
  assert.equal(holderOf(locks, 0, 0x1f, 43n), null);
  assert.equal(holderOf(locks, 1, 0x1f, 42n), null);
});
