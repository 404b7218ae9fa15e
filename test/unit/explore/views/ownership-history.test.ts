import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Cell } from '../../../../explore/cells.ts';
import { openLake } from '../../../../explore/lake.ts';
import { queryAll } from '../../../../explore/query.ts';
import { readFolderStore } from '../../../../sink/store/folder.ts';
import { at, FixtureLake } from '../fixture-lake.ts';

describe('ownership_history', () => {
  let fixture: FixtureLake;
  beforeEach(async () => {
    fixture = await FixtureLake.make();
  });
  afterEach(() => fixture.remove());

  async function ask(sql: string): Promise<Record<string, Cell>[]> {
    const lake = await openLake({ store: readFolderStore(fixture.folder), threads: 1 });
    try {
      return await queryAll(lake, sql);
    } finally {
      lake.close();
    }
  }

  it('folds what reporters repeat of an address, the end of a claim over its open form', async () => {
    const claim = {
      network: 'net',
      addr: '10.0.0.1',
      prefix_length: 32,
      workload: 'web',
      instance_uid: 'web-1',
      method: 'address',
      claimed_by: 'node-a',
      valid_from: at(0),
    };
    await fixture.append('ownership', [
      claim,
      claim,
      { ...claim, valid_to: at(5000) },
      { ...claim, workload: 'cart', instance_uid: 'cart-1', valid_from: at(6000) },
    ]);
    const answer = await ask('SELECT workload, valid_from, valid_to FROM ownership_history ORDER BY valid_from');
    assert.deepEqual(answer, [
      { workload: 'web', valid_from: '2026-01-02T10:30:00.000000Z', valid_to: '2026-01-02T10:30:05.000000Z' },
      { workload: 'cart', valid_from: '2026-01-02T10:30:06.000000Z', valid_to: null },
    ]);
  });

  it('ends what a life of a reporter held open with it, unless the next life or the same goes on', async () => {
    const claim = {
      network: 'net',
      addr: '10.9.0.9',
      prefix_length: 32,
      method: 'address',
      claimed_by: 'node-z',
      workload: 'lives',
    };
    const end = { ...claim, addr: '::', prefix_length: 0, method: 'none', workload: null };
    await fixture.append('ownership', [
      { ...claim, instance_uid: 'died', epoch: 'e1', valid_from: at(0) },
      { ...claim, instance_uid: 'told', epoch: 'e1', valid_from: at(0) },
      { ...claim, instance_uid: 'told', epoch: 'e1', valid_from: at(0), valid_to: at(1000) },
      { ...claim, instance_uid: 'again', epoch: 'e1', valid_from: at(0) },
      { ...end, epoch: 'e1', valid_from: at(2000), valid_to: at(2000) },
      { ...end, epoch: 'e1', valid_from: at(3000) }, // it was only silent
      { ...end, epoch: 'e1', valid_from: at(4000), valid_to: at(4000) },
      { ...claim, instance_uid: 'again', epoch: 'e2', valid_from: at(0) },
      { ...claim, instance_uid: 'fresh', epoch: 'e2', valid_from: at(5000) },
      { ...claim, instance_uid: 'silent', epoch: 'e3', valid_from: at(5000) },
      { ...end, epoch: 'e3', valid_from: at(6000), valid_to: at(6000) },
      { ...claim, instance_uid: 'back', epoch: 'e4', valid_from: at(5000) },
      { ...end, epoch: 'e4', valid_from: at(6000), valid_to: at(6000) },
      { ...end, epoch: 'e4', valid_from: at(7000) },
      { ...claim, instance_uid: 'older', valid_from: at(5000) },
      { ...claim, instance_uid: 'older, told', valid_from: at(5000) },
      { ...claim, instance_uid: 'older, told', epoch: 'e3', valid_from: at(5000), valid_to: at(5500) },
      { ...claim, instance_uid: 'older, died', valid_from: at(5000) },
      { ...claim, instance_uid: 'older, died', epoch: 'e3', valid_from: at(5000) },
      { ...claim, instance_uid: 'older, again', valid_from: at(5000) },
      { ...claim, instance_uid: 'older, again', epoch: 'e2', valid_from: at(5000) },
      { ...claim, instance_uid: 'older, again', epoch: 'e3', valid_from: at(5000) },
      { ...claim, instance_uid: 'older, closed', valid_from: at(5000) },
      { ...claim, instance_uid: 'older, closed', valid_from: at(5000), valid_to: at(8000) },
    ]);
    const sql = `SELECT instance_uid AS who, valid_to AS until FROM ownership_history WHERE claimed_by = 'node-z' ORDER BY 1`;
    const answer = await ask(sql);
    const time = (seconds: number): string => `2026-01-02T10:30:0${seconds.toFixed(6)}Z`;
    assert.deepEqual(answer, [
      { who: 'again', until: null },
      { who: 'back', until: null },
      { who: 'died', until: time(4) },
      { who: 'fresh', until: null },
      { who: 'older', until: null },
      { who: 'older, again', until: null },
      { who: 'older, closed', until: time(8) },
      { who: 'older, died', until: time(6) },
      { who: 'older, told', until: time(5.5) },
      { who: 'silent', until: time(6) },
      { who: 'told', until: time(1) },
    ]);
  });
});
