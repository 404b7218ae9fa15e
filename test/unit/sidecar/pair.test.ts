import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Method } from '../../../schemas/generated/common.ts';
import { FLOW_KIND_FAILED, FLOW_KIND_INTERIM, FLOW_ROLE_SERVER } from '../../../schemas/generated/record-offsets.ts';
import { CapturedColumns, NO_OWNER } from '../../../sidecar/captured-columns.ts';
import { decodeRing } from '../../../sidecar/decode.ts';
import type { HostSnapshot, Listener, NetworkNamespace } from '../../../sidecar/host-view.ts';
import { LocalSockets } from '../../../sidecar/local-sockets.ts';
import { OwnerTable } from '../../../sidecar/owners.ts';
import { PairMemory } from '../../../sidecar/pair-memory.ts';
import { Pairing } from '../../../sidecar/pair.ts';
import { FakeHost, listenerOf, namespaceOf } from '../../fixtures/fake-machine.ts';
import { flowRecord, ringBytes, type FlowFields } from '../../fixtures/ring-bytes.ts';

const clock = { bootToUnixUs: 0, jiffiesHz: 250 };

/** Times in us, as in flow records divided by 1000. */
class Node {
  readonly host = new FakeHost('node-a', () => 0);
  readonly owners = new OwnerTable(this.host);
  readonly memory = new PairMemory();
  readonly pairing = new Pairing(this.memory);
  readonly columns = new CapturedColumns(8);
  sockets: LocalSockets | null = null;

  constructor() {
    for (const id of [11, 22, 33, 44]) this.host.paths.set(id, `/demo/w${id}`);
  }

  scan(startedUs: number, namespaces: readonly NetworkNamespace[], listeners: readonly Listener[] = []): void {
    const snapshot: HostSnapshot = { startedUs, finishedUs: startedUs + 10, namespaces, listeners };
    this.sockets = new LocalSockets(snapshot, this.owners, this.sockets);
  }

  take(...flows: readonly FlowFields[]): void {
    decodeRing(ringBytes(flows.map((fields) => flowRecord(fields))), clock, this.columns);
    this.owners.assign(this.columns, 0);
    this.pairing.match(this.columns, this.sockets);
  }

  leave(): void {
    this.pairing.settle(this.columns, this.columns.length, this.sockets);
  }

  /** Partner of each row as the cgroup path's last part, and how it is known. */
  partners(): readonly (readonly [string, Method])[] {
    return Array.from({ length: this.columns.length }, (_, row) => {
      const owner = this.columns.partner[row]!;
      const name = owner === NO_OWNER ? '' : this.owners.get(owner).workload.name;
      return [name, this.columns.remoteMethod[row] as Method] as const;
    });
  }
}

const client: FlowFields = { cgroupId: 11n, netns: 1, cookie: 1n, local: '10.0.0.1', remote: '10.0.0.2' };
const server: FlowFields = {
  cgroupId: 22n,
  netns: 2,
  cookie: 2n,
  local: '10.0.0.2',
  remote: '10.0.0.1',
  localPort: 80,
  remotePort: 40_000,
  role: FLOW_ROLE_SERVER,
};
const two = [namespaceOf(1, ['10.0.0.1/24'], [11]), namespaceOf(2, ['10.0.0.2/24'], [22])];
const peer = (name: string): readonly [string, Method] => [name, Method.peer];
const nobody: readonly [string, Method] = ['', Method.none];

test('mirrored rows of two namespaces name each other', () => {
  const node = new Node();
  node.scan(0, two);
  node.take(client, server);
  assert.deepEqual(node.partners(), [peer('w22'), peer('w11')]);
});

test('a row without its mirror stays alone', () => {
  const node = new Node();
  node.scan(0, two);
  node.take(client, { ...server, remotePort: 40_001 });
  node.leave();
  assert.deepEqual(node.partners(), [nobody, nobody]);
});

test('on loopback only rows of one namespace pair', () => {
  const node = new Node();
  const here = { ...client, local: '127.0.0.1', remote: '127.0.0.1' };
  const there = { ...server, local: '127.0.0.1', remote: '127.0.0.1' };
  node.take(here, there);
  assert.deepEqual(node.partners(), [nobody, nobody]);
  node.columns.length = 0;
  node.take(here, { ...there, netns: 1 });
  assert.deepEqual(node.partners(), [peer('w22'), peer('w11')]);
});

test('addresses that several namespaces hold pair only within one', () => {
  const node = new Node();
  const overlapping = [namespaceOf(3, ['10.0.0.2/24'], [33])];
  node.scan(0, [...two, ...overlapping]);
  node.take(client, server);
  assert.deepEqual(node.partners(), [nobody, nobody]);
});

test('two candidates of different owners pair with neither', () => {
  const node = new Node();
  node.scan(0, two);
  node.take(client, server, { ...server, cgroupId: 33n, netns: 3, cookie: 3n });
  assert.deepEqual(node.partners()[0], nobody);
});

test('a port that is used again pairs by time', () => {
  const node = new Node();
  node.scan(0, two);
  const early = { openedNs: 1_000_000_000n, endNs: 1_100_000_000n };
  const late = { openedNs: 3_000_000_000n, endNs: 3_100_000_000n };
  node.take(
    { ...client, ...early },
    { ...server, ...early },
    { ...client, ...late, cgroupId: 33n, cookie: 5n },
    { ...server, ...late, cgroupId: 44n, cookie: 6n },
  );
  assert.deepEqual(node.partners(), [peer('w22'), peer('w11'), peer('w44'), peer('w33')]);
});

test('a socket that is connected to itself is its own partner', () => {
  const node = new Node();
  node.take({ ...client, local: '10.0.0.1', remote: '10.0.0.1', localPort: 9, remotePort: 9 });
  assert.deepEqual(node.partners(), [peer('w11')]);
});

test('an end that comes after its partner has left still finds it', () => {
  const node = new Node();
  node.scan(0, two);
  node.take(client);
  node.leave();
  assert.deepEqual(node.partners(), [nobody]);
  node.columns.length = 0;
  node.take(server);
  node.leave();
  assert.deepEqual(node.partners(), [peer('w11')]);
});

test('an end that left long before the connection began is not its partner', () => {
  const node = new Node();
  node.scan(0, two);
  node.take({ ...client, openedNs: 1_000_000_000n, endNs: 1_100_000_000n });
  node.leave();
  node.columns.length = 0;
  node.take({ ...server, openedNs: 5_000_000_000n, endNs: 5_100_000_000n });
  node.leave();
  assert.deepEqual(node.partners(), [nobody]);
});

test('a server’s end that was left half open is not the partner of a connection that begins later with the same ports', () => {
  const node = new Node();
  node.scan(0, two);
  node.take({ ...server, kind: FLOW_KIND_INTERIM, openedNs: 1_000_000_000n, endNs: 2_000_000_000n });
  node.leave();
  node.columns.length = 0;
  node.take({ ...client, openedNs: 9_000_000_000n, endNs: 9_100_000_000n });
  node.leave();
  assert.deepEqual(node.partners(), [nobody]);
  node.columns.length = 0;
  const again = { openedNs: 9_000_000_000n, endNs: 9_200_000_000n };
  node.take(
    { ...server, kind: FLOW_KIND_INTERIM, openedNs: 1_000_000_000n, endNs: 9_150_000_000n },
    { ...client, ...again },
  );
  assert.deepEqual(node.partners(), [nobody, nobody]);
});

test('later rows of an open connection remember its partner', () => {
  const node = new Node();
  node.scan(0, two);
  node.take({ ...client, kind: FLOW_KIND_INTERIM }, { ...server, kind: FLOW_KIND_INTERIM });
  node.leave();
  node.columns.length = 0;
  node.take({ ...client, endNs: 9_000_000_000n });
  node.leave();
  assert.deepEqual(node.partners(), [peer('w22')]);
});

test('a loopback client without a partner is told by who listened when it was opened', () => {
  const loop = { ...client, local: '127.0.0.1', remote: '127.0.0.1' };
  const at = { openedNs: 500_000_000n, endNs: 600_000_000n };
  const node = new Node();
  node.scan(100_000, two, [listenerOf(1, '0.0.0.0', 80, 33)]);
  node.scan(700_000, two, [listenerOf(1, '0.0.0.0', 80, 33)]);
  node.take({ ...loop, ...at }, { ...loop, ...at, kind: FLOW_KIND_FAILED, cookie: 9n, localPort: 40_001 });
  node.leave();
  assert.deepEqual(node.partners(), [['w33', Method.port], nobody]);
});

test('a listener that began after the opening, or was not seen since, says nothing', () => {
  const loop = { ...client, local: '127.0.0.1', remote: '127.0.0.1', openedNs: 500_000_000n, endNs: 600_000_000n };
  const began = new Node();
  began.scan(700_000, two, [listenerOf(1, '127.0.0.1', 80, 33)]);
  began.take(loop);
  began.leave();
  assert.deepEqual(began.partners(), [nobody]);
  const unseen = new Node();
  unseen.scan(100_000, two, [listenerOf(1, '127.0.0.1', 80, 33)]);
  unseen.take(loop);
  unseen.leave();
  assert.deepEqual(unseen.partners(), [nobody]);
});

test('two owners who listen on one port of a namespace say nothing', () => {
  const node = new Node();
  const both = [listenerOf(1, '::', 80, 33), listenerOf(1, '0.0.0.0', 80, 44)];
  node.scan(100_000, two, both);
  node.scan(700_000, two, both);
  const loop = { ...client, local: '127.0.0.1', remote: '127.0.0.1' };
  node.take({ ...loop, openedNs: 500_000_000n, endNs: 600_000_000n });
  node.leave();
  assert.deepEqual(node.partners(), [nobody]);
});

test('an owner that nobody knows is no partner', () => {
  const node = new Node();
  node.scan(0, two);
  node.take(client, { ...server, cgroupId: 99n });
  assert.deepEqual(node.partners(), [nobody, peer('w11')]);
});
