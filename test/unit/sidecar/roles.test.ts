import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Role, RoleMethod } from '../../../schemas/generated/common.ts';
import { FLOW_KIND_INTERIM, FLOW_ROLE_CLIENT, FLOW_ROLE_UNKNOWN } from '../../../schemas/generated/record-offsets.ts';
import { CapturedColumns } from '../../../sidecar/captured-columns.ts';
import { decodeRing } from '../../../sidecar/decode.ts';
import { LocalSockets } from '../../../sidecar/local-sockets.ts';
import { OwnerTable } from '../../../sidecar/owners.ts';
import { OlderRoles } from '../../../sidecar/roles.ts';
import { FakeHost, listenerOf, namespaceOf } from '../../fixtures/fake-machine.ts';
import { flowRecord, type FlowFields } from '../../fixtures/ring-bytes.ts';

const host = new FakeHost('node-a', () => 0);
host.paths.set(7, '/demo/db');
const namespaces = [namespaceOf(1, ['10.0.0.1/24'], [7])];
const listeners = [listenerOf(1, '0.0.0.0', 5432, 7), listenerOf(1, '127.0.0.1', 9000, 7)];
const sockets = new LocalSockets({ startedUs: 0, finishedUs: 1, namespaces, listeners }, new OwnerTable(host), null);

function roleOf(fields: FlowFields, roles = new OlderRoles(), seen = sockets): readonly (number | undefined)[] {
  const columns = new CapturedColumns(1);
  const record = flowRecord({ role: FLOW_ROLE_UNKNOWN, netns: 1, ...fields });
  decodeRing(record, { bootToUnixUs: 0, jiffiesHz: 250 }, columns);
  roles.infer(columns, 1, seen);
  return [columns.role[0], columns.roleMethod[0]];
}

test('an older connection on a port that is listened on was opened by the other end', () => {
  assert.deepEqual(roleOf({ localPort: 5432, remotePort: 50_000 }), [Role.server, RoleMethod.listener]);
});

test('an older connection to a listener of the same namespace was opened here', () => {
  const loop = { local: '127.0.0.1', remote: '127.0.0.1', localPort: 50_000, remotePort: 9000 };
  assert.deepEqual(roleOf(loop), [Role.client, RoleMethod.listener]);
});

test('with no listener at either end, or at both, nobody knows', () => {
  assert.deepEqual(roleOf({ localPort: 50_000, remotePort: 5432 }), [Role.unknown, RoleMethod.unknown]);
  const both = { local: '127.0.0.1', remote: '127.0.0.1', localPort: 9000, remotePort: 5432 };
  assert.deepEqual(roleOf(both), [Role.unknown, RoleMethod.unknown]);
});

test('what the handshake showed stays', () => {
  assert.deepEqual(roleOf({ role: FLOW_ROLE_CLIENT, localPort: 5432 }), [Role.client, RoleMethod.handshake]);
});

test('all rows of a connection say what its first one said, until it ends', () => {
  const nothing = { startedUs: 2, finishedUs: 3, namespaces, listeners: [] };
  const later = new LocalSockets(nothing, new OwnerTable(host), sockets);
  const roles = new OlderRoles();
  const known = { cookie: 5n, localPort: 5432, remotePort: 50_000 };
  const unknown = { cookie: 6n, localPort: 50_000, remotePort: 50_001 };
  const interim = { kind: FLOW_KIND_INTERIM };
  assert.deepEqual(roleOf({ ...known, ...interim }, roles), [Role.server, RoleMethod.listener]);
  assert.deepEqual(roleOf({ ...unknown, ...interim }, roles, later), [Role.unknown, RoleMethod.unknown]);
  assert.deepEqual(roleOf({ ...known, ...interim }, roles, later), [Role.server, RoleMethod.listener]);
  assert.deepEqual(roleOf(known, roles, later), [Role.server, RoleMethod.listener]);
  assert.deepEqual(roleOf(known, roles, later), [Role.unknown, RoleMethod.unknown], 'it ended and is forgotten');
});
