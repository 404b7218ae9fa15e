import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { verifyLake, type VerifyReport } from '../../../explore/verify.ts';
import { lossesNameOf } from '../../../schemas/objects.ts';
import { readFolderStore } from '../../../sink/store/folder.ts';
import { clientRow, FixtureLake, loss, T0 } from './fixture-lake.ts';

const HOUR_MS = 3_600_000;

/** Five links: rows, rows and losses, a roll to the next hour, rows, rows. Nine flow numbers, two of them lost. */
async function fill(lake: FixtureLake): Promise<string[]> {
  const rows = (count: number, from: number) =>
    Array.from({ length: count }, (_, i) => clientRow({ flow_number: from + i }));
  return [
    await lake.append('flows', rows(2, 0), { messages: 2, streams: { 'ring-a': 2 } }),
    await lake.append('flows', rows(1, 2), { messages: 1, streams: { 'ring-a': 5 }, losses: [loss(2)] }),
    await lake.append('flows', [], { messages: 0, hourMs: T0 + HOUR_MS }),
    await lake.append('flows', rows(3, 5), { messages: 4, streams: { 'ring-a': 8 } }),
    await lake.append('flows', rows(1, 8), { messages: 1, streams: { 'ring-a': 9 } }),
  ];
}

describe('verify', () => {
  let lake: FixtureLake;
  let names: string[];
  const verify = (): Promise<VerifyReport> => verifyLake({ store: readFolderStore(lake.folder) });
  const found = async (): Promise<string[]> =>
    (await verify()).findings.map((finding) => `${finding.code} ${finding.object}`);

  beforeEach(async () => {
    lake = await FixtureLake.make();
    names = await fill(lake);
  });
  afterEach(() => lake.remove());

  it('finds nothing in an untouched lake, and adds up what is in it', async () => {
    const report = await verify();
    assert.deepEqual(report.findings, []);
    assert.equal(report.ok, true);
    assert.deepEqual(report.summary.objects, 5);
    assert.equal(report.summary.rows, 7);
    assert.equal(report.summary.flows, 7);
    assert.equal(report.summary.losses, 2);
    assert.equal(report.partitions[0]!.nextOffset, 8);
    assert.deepEqual(
      report.partitions[0]!.hours.map(({ hour, rows }) => [hour, rows]),
      [
        ['dt=2026-01-02/hour=10', 3],
        ['dt=2026-01-02/hour=11', 4],
      ],
    );
  });

  it('names the first object when it is removed, and how many flow numbers went with it', async () => {
    rmSync(lake.path(names[0]!));
    const { findings } = await verify();
    assert.deepEqual(
      findings.map(({ code, object }) => [code, object]),
      [['object_missing', names[0]]],
    );
    assert.match(findings[0]!.message, /\b2 flow numbers/);
  });

  it('names a middle object when it is removed', async () => {
    rmSync(lake.path(names[3]!));
    const { findings } = await verify();
    assert.deepEqual(
      findings.map(({ code, object }) => [code, object]),
      [['object_missing', names[3]]],
    );
    assert.match(findings[0]!.message, /\b3 flow numbers/);
  });

  it('names a zero-row roll object when it is removed', async () => {
    rmSync(lake.path(names[2]!));
    assert.deepEqual(await found(), [`object_missing ${names[2]}`]);
  });

  it('finds both when an object that told losses is removed: the hole and the stray losses object', async () => {
    rmSync(lake.path(names[1]!));
    assert.deepEqual(await found(), [`object_missing ${names[1]}`, `outside_chain ${lossesNameOf(names[1]!)}`]);
  });

  it('names every kind of copy: under another offset, another partition, another hour, another name', async () => {
    const source = lake.path(names[3]!);
    const copies = [
      names[3]!.replace(/-\d{20}/, '-00000000000000000077'),
      names[3]!.replace('hour=11', 'hour=12'),
      names[3]!.replace(/\/[^/]*$/, '/copy.parquet'),
    ];
    for (const copy of copies) lake.put(copy, readFileSync(source));
    assert.deepEqual((await found()).sort(), copies.map((copy) => `outside_chain ${copy}`).sort());
    const other = names[3]!.replace('-00000-', '-00001-');
    copyFileSync(source, lake.path(other));
    assert.ok((await found()).includes('genesis_missing _chain/flows-00001'));
  });

  it('is not deceived by a copy of the last object under the next name of the chain', async () => {
    const next = names[4]!.replace(/-\d{20}/, '-00000000000000000008');
    copyFileSync(lake.path(names[4]!), lake.path(next));
    const codes = (await found()).filter((text) => text.endsWith(next));
    assert.ok(codes.length > 0, 'the copy must be named');
    assert.equal((await verify()).ok, false);
  });

  it('names a renamed object', async () => {
    const elsewhere = names[4]!.replace(/-\d{20}/, '-00000000000000000044');
    renameSync(lake.path(names[4]!), lake.path(elsewhere));
    assert.deepEqual(await found(), [`outside_chain ${elsewhere}`]);
  });

  it('names an object that is cut at its end, in its middle or to nothing', async () => {
    const bytes = readFileSync(lake.path(names[3]!));
    for (const cut of [
      bytes.subarray(0, bytes.length - 10),
      Buffer.concat([bytes.subarray(0, 100), bytes.subarray(300)]),
      bytes.subarray(0, 3),
    ]) {
      writeFileSync(lake.path(names[3]!), cut);
      assert.deepEqual(await found(), [`object_cut ${names[3]}`]);
    }
  });

  it('names the last object when it is cut', async () => {
    truncateSync(lake.path(names[4]!), 200);
    assert.deepEqual(await found(), [`object_cut ${names[4]}`]);
  });

  it('survives every single byte of a footer being changed', async () => {
    const path = lake.path(names[4]!);
    const bytes = readFileSync(path);
    for (let index = bytes.length - 400; index < bytes.length; index += 7) {
      const changed = Buffer.from(bytes);
      changed[index] = changed[index]! ^ 0xff;
      writeFileSync(path, changed);
      assert.equal((await verify()).partitions.length, 1);
    }
  });

  it('names a losses object that is missing, and one that tells something else', async () => {
    const losses = lossesNameOf(names[1]!);
    const bytes = readFileSync(lake.path(losses));
    rmSync(lake.path(losses));
    assert.deepEqual(await found(), [`losses_missing ${losses}`]);
    writeFileSync(lake.path(losses), bytes.subarray(0, 50));
    assert.deepEqual(await found(), [`object_cut ${losses}`]);
    for (const told of [[loss(3)], [loss(2, 'ring-b')], [loss(2, 'ring-a', 'overload')], [loss(1), loss(1)]]) {
      await lake.writeLosses(losses, told);
      assert.deepEqual(await found(), [`losses_differ ${losses}`]);
    }
    await lake.writeLosses(losses, [loss(2)]);
    assert.deepEqual(await found(), []);
  });

  it('finds streams that advance by more than rows and losses tell', async () => {
    const name = await lake.append('flows', [clientRow()], { streams: { 'ring-a': 12 } });
    assert.deepEqual(await found(), [`flows_untold ${name}`]);
  });

  it('finds a stream whose number falls, and one that is told twice', async () => {
    const name = await lake.append('flows', [clientRow()], { streams: { 'ring-a': 4 } });
    assert.ok((await found()).includes(`stream_back ${name}`));
  });

  it('says that there is no lake in an empty folder', async () => {
    const empty = await FixtureLake.make();
    await assert.rejects(verifyLake({ store: readFolderStore(empty.folder) }), { code: 'WEIR_EXPLORE_NO_LAKE' });
    empty.remove();
  });

  it('judges the ownership chain by its own names and offsets', async () => {
    const claim = {
      network: 'net',
      addr: '10.0.0.1',
      prefix_length: 32,
      valid_from: new Date(T0).toISOString(),
      method: 'address',
      claimed_by: 'node-a',
    };
    const options = { streams: { 'c/node-a/e1': 1 }, flows: 0 };
    const first = await lake.append('ownership', [claim], options);
    await lake.append('ownership', [claim], { ...options, streams: { 'c/node-a/e1': 2 } });
    assert.deepEqual(await found(), []);
    rmSync(lake.path(first));
    assert.deepEqual(await found(), [`object_missing ${first}`]);
  });
});
