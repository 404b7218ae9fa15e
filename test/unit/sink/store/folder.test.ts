import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Store } from '../../../../contract/store.ts';
import { openFolderStore, readFolderStore } from '../../../../sink/store/folder.ts';
import { removeLeftovers } from '../../../../sink/store/temporary.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a folder as a store', () => {
  let folder: string;
  let store: Store;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'weir-store-'));
    store = await openFolderStore(join(folder, 'deep', 'lake'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const make = async (name: string, text: string): Promise<void> => {
    const file = await store.temporaryPath('.parquet');
    await writeFile(file, text);
    try {
      await store.create(name, file, {});
    } finally {
      await store.discard(file);
    }
  };

  it('creates a name once, whole, and leaves nothing in its temporary folder', async () => {
    await make('flows/dt=2026-11-24/hour=05/a.parquet', 'first');
    await assert.rejects(make('flows/dt=2026-11-24/hour=05/a.parquet', 'second'), { code: 'WEIR_SINK_EXISTS' });
    await assert.rejects(store.createBytes('flows/dt=2026-11-24/hour=05/a.parquet', bytes('third'), {}), {
      code: 'WEIR_SINK_EXISTS',
    });
    const path = await store.localPath('flows/dt=2026-11-24/hour=05/a.parquet');
    assert.equal(await readFile(path, 'utf8'), 'first');
    assert.deepEqual(await readdir(join(store.where, '_tmp')), []);
  });

  it('lets exactly one of many win', async () => {
    const tries = Array.from({ length: 20 }, (_, i) =>
      store.createBytes('x/y', bytes(`${i}`), {}).then(
        () => i,
        () => -1,
      ),
    );
    const winners = (await Promise.all(tries)).filter((i) => i >= 0);
    assert.equal(winners.length, 1);
    assert.equal(new TextDecoder().decode(await store.readRange('x/y', 0, 10)), `${winners[0]}`);
  });

  it('reads ranges, sizes and names, and says null for what is not there', async () => {
    await store.createBytes('a/one', bytes('0123456789'), {});
    await store.createBytes('a/b/two', bytes('x'), {});
    await store.createBytes('c', bytes('y'), {});
    assert.equal(new TextDecoder().decode(await store.readRange('a/one', 3, 6)), '345');
    assert.equal((await store.readRange('a/one', 8, 1_000_000_000_000)).length, 2);
    assert.equal((await store.readRange('a/one', 20, 30)).length, 0);
    assert.deepEqual(await store.stat('a/one'), { name: 'a/one', bytes: 10 });
    assert.deepEqual([await store.stat('a'), await store.stat('a/none'), await store.stat('c/d')], [null, null, null]);
    assert.deepEqual(
      (await store.list('a/')).map((object) => object.name),
      ['a/b/two', 'a/one'],
    );
    assert.deepEqual(
      (await store.list('a/o')).map((object) => object.name),
      ['a/one'],
    );
    assert.deepEqual((await store.list('none/')).length, 0);
    assert.deepEqual(await store.folders(''), ['_tmp', 'a']);
    assert.deepEqual([await store.folders('a/'), await store.folders('none/')], [['b'], []]);
  });

  it('refuses names that lead out of it', async () => {
    for (const name of ['../out', '/etc/passwd', 'a/../../out', 'a//b', '', 'a\0b', '..']) {
      await assert.rejects(store.createBytes(name, bytes('x'), {}), { code: 'WEIR_SINK_STORE_RIGHTS' }, name);
      await assert.rejects(store.readRange(name, 0, 1), { code: 'WEIR_SINK_STORE_RIGHTS' }, name);
    }
    assert.deepEqual((await readdir(folder)).sort(), ['deep']);
  });

  it('says what is wrong with a folder that cannot be made', async () => {
    await writeFile(join(folder, 'file'), '');
    await assert.rejects(openFolderStore(join(folder, 'file')), { code: /^WEIR_SINK_STORE_/ });
  });

  it('can be read without being opened', async () => {
    await store.createBytes('a', bytes('x'), {});
    assert.equal((await readFolderStore(store.where).stat('a'))?.bytes, 1);
    assert.equal(await readFolderStore(join(folder, 'none')).stat('a'), null);
  });

  it('removes at start what dead processes left, and nothing else', async () => {
    const temporary = join(store.where, '_tmp');
    const own = await store.temporaryPath('.parquet');
    const [boot, namespace, pid, start] = own.split('/').at(-1)!.split('-');
    const dead = `${boot}-${namespace}-${pid}-${Number(start) - 1}-7.parquet`;
    const foreign = `00000000-${namespace}-${pid}-${start}-8.parquet`;
    const foreignOld = `00000000-${namespace}-${pid}-${start}-9.parquet`;
    for (const name of [dead, foreign, foreignOld, 'notes.txt']) await writeFile(join(temporary, name), '');
    await writeFile(own, '');
    await utimes(join(temporary, foreignOld), 1, 1);
    await mkdir(join(temporary, 'folder'));
    assert.equal(await removeLeftovers(temporary), 2);
    assert.deepEqual(
      (await readdir(temporary)).sort(),
      [foreign, own.split('/').at(-1)!, 'folder', 'notes.txt'].sort(),
    );
  });
});
