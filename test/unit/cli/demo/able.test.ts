import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Facts, firstMissing } from '../../../../cli/demo/able.ts';

const able: Facts = { has: () => true, isRoot: true, hasTraffic: true, probe: () => [] };
const hook = { name: 'cgroup v2', works: false, needed: true, why: 'none is mounted', mend: 'mount it' };

test('a machine that has everything lacks nothing', () => {
  assert.equal(firstMissing(able), null);
  assert.equal(
    firstMissing({
      ...able,
      probe: () => [
        { ...hook, needed: false },
        { ...hook, works: true },
      ],
    }),
    null,
  );
});

test('each thing that is missing is named with what mends it', () => {
  assert.deepEqual(firstMissing({ ...able, has: (program) => program !== 'tc' }), {
    what: 'tc is missing',
    mend: 'apt-get install iproute2',
  });
  assert.match(firstMissing({ ...able, isRoot: false })?.mend ?? '', /sudo/);
  assert.match(firstMissing({ ...able, hasTraffic: false })?.mend ?? '', /npm run setup/);
  assert.deepEqual(firstMissing({ ...able, probe: () => [hook] }), {
    what: 'cgroup v2: none is mounted',
    mend: 'mount it',
  });
  assert.match(firstMissing({ ...able, probe: () => [{ ...hook, mend: '' }] })?.mend ?? '', /doctor/);
  const rights = { ...hook, name: 'rights', why: 'lacks CAP_BPF', mend: 'sudo' };
  assert.match(firstMissing({ ...able, probe: () => [rights] })?.mend ?? '', /privileged/);
});

test('programs are loaded only where the rest is there', () => {
  const probe = (): never => assert.fail('probed');
  for (const lacking of [{ isRoot: false }, { hasTraffic: false }, { has: () => false }]) {
    assert.notEqual(firstMissing({ ...able, probe, ...lacking }), null);
  }
});
