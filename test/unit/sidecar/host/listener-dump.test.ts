import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { dumpedSockets, ListenerDump } from '../../../../sidecar/host/listener-dump.ts';

interface Told {
  readonly family: 2 | 10;
  readonly state: number;
  readonly port: number;
  readonly addr: Uint8Array;
  readonly inode: number;
  /** Attributes after the message, not always a multiple of four. */
  readonly more: number;
}

/** As the kernel writes it: linux/netlink.h, linux/inet_diag.h. */
function message(type: number, { family, state, port, addr, inode, more }: Told): Buffer {
  const bytes = 16 + 72 + more;
  const out = Buffer.alloc((bytes + 3) & ~3);
  out.writeUInt32LE(bytes, 0);
  out.writeUInt16LE(type, 4);
  out.writeUInt8(family, 16);
  out.writeUInt8(state, 17);
  out.writeUInt16BE(port, 20);
  out.set(addr, 24);
  out.writeUInt32LE(inode, 84);
  return out;
}

const DIAG = 20;
const DONE = 3;
const told = fc.oneof(
  ...([2, 10] as const).map((family) =>
    fc.record({
      family: fc.constant(family),
      state: fc.constant(10),
      port: fc.nat(65_535),
      addr: fc.uint8Array({ minLength: family === 2 ? 4 : 16, maxLength: family === 2 ? 4 : 16 }),
      inode: fc.nat(2 ** 32 - 1),
      more: fc.nat(60),
    }),
  ),
);

const done = message(DONE, { family: 2, state: 10, port: 1, addr: new Uint8Array(4), inode: 1, more: 0 });

test('every listener of a dump comes out as it went in, whatever is between', () => {
  fc.assert(
    fc.property(fc.array(told), fc.array(told), (v4, v6) => {
      const sockets = [...v4, ...v6];
      const dump = Buffer.concat([...v4.map((s) => message(DIAG, s)), done, ...v6.map((s) => message(DIAG, s)), done]);
      const expected = sockets.map(({ family, addr, port, inode }) => ({
        addr: family === 2 ? Uint8Array.from([...new Uint8Array(10), 255, 255, ...addr]) : addr,
        port,
        inode,
      }));
      assert.deepEqual(dumpedSockets(dump), expected);
    }),
  );
});

test('bytes that are cut, damaged or no dump at all give listeners or none, and no error', () => {
  fc.assert(
    fc.property(
      fc.array(told, { maxLength: 5 }),
      fc.nat(600),
      fc.uint8Array({ maxLength: 40 }),
      (sockets, at, junk) => {
        const dump = Buffer.concat([...sockets.map((socket) => message(DIAG, socket)), done]);
        dump.set(junk.subarray(0, Math.max(0, dump.length - at)), Math.min(at, dump.length));
        assert.ok(dumpedSockets(dump).length <= dump.length / 88);
        assert.ok(dumpedSockets(dump.subarray(0, at)).length <= at / 88);
      },
    ),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => dumpedSockets(bytes).length * 88 <= bytes.length),
  );
});

test('sockets that do not listen and families that are none are left out', () => {
  const base: Told = { family: 2, state: 10, port: 80, addr: new Uint8Array(4), inode: 9, more: 0 };
  assert.deepEqual(dumpedSockets(message(DIAG, { ...base, state: 1 })), []);
  assert.deepEqual(dumpedSockets(message(DIAG, { ...base, family: 16 as 2 })), []);
});

/** An addon that refuses with one errno after the other, then answers with one listener. */
function refusing(...errnos: readonly number[]): { asked: number; listenerDump: () => Buffer } {
  const base: Told = { family: 2, state: 10, port: 80, addr: new Uint8Array(4), inode: 9, more: 0 };
  const fake = {
    asked: 0,
    listenerDump: (): Buffer => {
      const errno = errnos[fake.asked++];
      if (errno === undefined) return message(DIAG, base);
      throw Object.assign(new Error('no'), { code: 'WEIR_SIDECAR_LOAD_FAILED', errno, step: 'list', log: '' });
    },
  };
  return fake;
}

const AWAY = 1;

test('a process that has ended is passed over for the next one of the namespace', () => {
  const addon = refusing(2, 3);
  assert.equal(new ListenerDump(addon, '/proc').of(AWAY, new Set([1, 2, 3]))?.length, 1);
  assert.equal(addon.asked, 3);
});

test('what the kernel does not allow is asked once', () => {
  const addon = refusing(1);
  const dump = new ListenerDump(addon, '/proc');
  for (let scan = 0; scan < 3; scan++) assert.equal(dump.of(AWAY, new Set([1, 2])), null);
  assert.equal(addon.asked, 1);
});

test('a kernel without the module is asked once for its own namespace and once for all others', () => {
  const EPROTONOSUPPORT = 93;
  const addon = refusing(EPROTONOSUPPORT, EPROTONOSUPPORT);
  const dump = new ListenerDump(addon, '/proc');
  const own = statSync('/proc/self/ns/net').ino;
  for (let scan = 0; scan < 3; scan++) assert.equal(dump.of(own + 1, new Set([1, 2])), null);
  for (let scan = 0; scan < 3; scan++) assert.equal(dump.of(own, new Set([1])), null);
  assert.equal(addon.asked, 2);
});

test('a namespace whose number nobody may read is not asked', () => {
  const addon = refusing();
  assert.equal(new ListenerDump(addon, '/proc').of(-5, new Set([1])), null);
  assert.equal(addon.asked, 0);
});

test('any other error is not swallowed', () => {
  const addon = {
    listenerDump: (): Buffer => {
      throw new TypeError('wrong argument');
    },
  };
  assert.throws(() => new ListenerDump(addon, '/proc').of(AWAY, new Set([1])), TypeError);
});
