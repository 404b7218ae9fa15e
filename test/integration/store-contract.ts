/** What every store must do, whatever it stands on: run on the folder and on an S3 server. */
import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { Store } from '../../contract/store.ts';

export interface StoreUnderTest {
  readonly store: Store;
  /** A second one on the same place, as another process has it. */
  another(): Promise<Store>;
  /** What a HEAD of the object shows; null where a store keeps metadata in the file alone. */
  readonly metadataOf: ((name: string) => Promise<Readonly<Record<string, string>>>) | null;
  close(): Promise<void>;
}

const CREATORS = 16;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (of: Uint8Array): string => new TextDecoder().decode(of);

export interface ContractOptions {
  readonly rounds: number;
}

export function describeStore(name: string, open: () => Promise<StoreUnderTest>, options: ContractOptions): void {
  describe(`the contract of a store, on ${name}`, () => {
    let tested: StoreUnderTest;
    let store: Store;
    before(async () => {
      tested = await open();
      ({ store } = tested);
    });
    after(() => tested.close());

    const make = async (of: Store, object: string, content: string | Uint8Array): Promise<void> => {
      const file = await of.temporaryPath('.parquet');
      await writeFile(file, content);
      try {
        await of.create(object, file, { 'weir-rows': '7' });
      } finally {
        await of.discard(file);
      }
    };
    const whole = async (object: string): Promise<string> => text(await store.readRange(object, 0, 1 << 20));

    it('creates a name once, and leaves what stands there as it is', async () => {
      await make(store, 'once/a.parquet', 'first');
      const other = await tested.another();
      await assert.rejects(make(other, 'once/a.parquet', 'second'), { code: 'WEIR_SINK_EXISTS', disposition: 'drop' });
      await assert.rejects(store.createBytes('once/a.parquet', bytes('third'), {}), { code: 'WEIR_SINK_EXISTS' });
      assert.equal(await whole('once/a.parquet'), 'first');
    });

    it(`lets exactly one of ${CREATORS} creators win, and its bytes stand there`, async () => {
      const other = await tested.another();
      for (let round = 0; round < options.rounds; round++) {
        const object = `race/dt=2026-11-24/hour=${String(round % 24).padStart(2, '0')}/${round}.parquet`;
        const body = (i: number): string => `${i};`.repeat(round % 2 === 0 ? 10 : 30_000);
        const tries = Array.from({ length: CREATORS }, async (_, i) => {
          const of = i % 2 === 0 ? store : other;
          try {
            await (i % 3 === 0 ? of.createBytes(object, bytes(body(i)), {}) : make(of, object, body(i)));
            return 'won';
          } catch (error) {
            return (error as { code?: string }).code ?? String(error);
          }
        });
        const answers = await Promise.all(tries);
        const winners = answers.flatMap((answer, i) => (answer === 'won' ? [i] : []));
        assert.equal(winners.length, 1, `round ${round}: ${answers.join(' ')}`);
        assert.ok(
          answers.every((answer) => answer === 'won' || answer === 'WEIR_SINK_EXISTS'),
          answers.join(' '),
        );
        assert.equal(await whole(object), body(winners[0]!), `round ${round}`);
      }
    });

    it('says what is there, and null for what is not', async () => {
      await store.createBytes('stat/one', bytes('0123456789'), {});
      await store.createBytes('stat/empty', new Uint8Array(0), {});
      assert.deepEqual(await store.stat('stat/one'), { name: 'stat/one', bytes: 10 });
      assert.deepEqual(await store.stat('stat/empty'), { name: 'stat/empty', bytes: 0 });
      assert.deepEqual(
        [await store.stat('stat'), await store.stat('stat/none'), await store.stat('st')],
        [null, null, null],
      );
    });

    it('reads a range, and no more than there is', async () => {
      await store.createBytes('range/one', bytes('0123456789'), {});
      await store.createBytes('range/empty', new Uint8Array(0), {});
      const range = async (start: number, end: number): Promise<string> =>
        text(await store.readRange('range/one', start, end));
      assert.equal(await range(0, 10), '0123456789');
      assert.equal(await range(3, 6), '345');
      assert.equal(await range(8, 1_000_000_000_000), '89');
      assert.deepEqual(
        [await range(10, 20), await range(20, 30), await range(5, 5), await range(6, 5)],
        ['', '', '', ''],
      );
      assert.equal((await store.readRange('range/empty', 0, 100)).length, 0);
      await assert.rejects(store.readRange('range/none', 0, 1), { code: 'WEIR_SINK_STORE_UNAVAILABLE' });
    });

    it('lists what begins with a prefix, by name', async () => {
      const names = ['list/dt=1/hour=00/a', 'list/dt=1/hour=01/b', 'list/dt=2/hour=00/c', 'list/x +é=%&', 'listing'];
      for (const [i, object] of names.entries()) await store.createBytes(object, new Uint8Array(i), {});
      const listed = async (prefix: string): Promise<string[]> => (await store.list(prefix)).map(({ name: n }) => n);
      assert.deepEqual(await listed('list/'), names.slice(0, 4));
      assert.deepEqual(await listed('list'), names);
      assert.deepEqual(await listed('list/dt=1/hour=0'), names.slice(0, 2));
      assert.deepEqual(await listed('list/none/'), []);
      assert.deepEqual(
        (await store.list('list/')).map(({ bytes: size }) => size),
        [0, 1, 2, 3],
      );
      assert.deepEqual(await store.folders('list/'), ['dt=1', 'dt=2']);
      assert.deepEqual(await store.folders('list/dt=1/'), ['hour=00', 'hour=01']);
      assert.deepEqual(await store.folders('list/none/'), []);
      assert.ok((await store.folders('')).includes('list'));
    });

    it('gives a path that any reader may open, below the same folders', async () => {
      const object = 'path/dt=2026-11-24/hour=05/p.parquet';
      const content = 'content;'.repeat(50_000);
      await make(store, object, content);
      const path = await store.localPath(object);
      assert.ok(path.endsWith(`/${object}`), path);
      assert.equal(await readFile(path, 'utf8'), content);
      const [again, other] = await Promise.all([store.localPath(object), (await tested.another()).localPath(object)]);
      assert.equal(again, path);
      assert.equal(await readFile(other, 'utf8'), content);
    });

    it('gives temporary paths that differ, and takes back what is there or not', async () => {
      const [a, b] = [await store.temporaryPath('.x'), await store.temporaryPath('.x')];
      assert.notEqual(a, b);
      await writeFile(a, 'x');
      await store.discard(a);
      await store.discard(a);
      await assert.rejects(stat(a), { code: 'ENOENT' });
      assert.ok(!(await store.list('')).some((object) => a.endsWith(object.name)));
    });

    it('refuses names that lead out of it', async () => {
      for (const escaping of ['../out', '/etc/passwd', 'a/../../out', 'a//b', '', 'a\0b', '..']) {
        const refused = { code: 'WEIR_SINK_STORE_RIGHTS' };
        await assert.rejects(store.createBytes(escaping, bytes('x'), {}), refused, escaping);
        await assert.rejects(store.readRange(escaping, 0, 1), refused, escaping);
        await assert.rejects(store.stat(escaping), refused, escaping);
      }
    });

    it('keeps the metadata where a HEAD shows them', async () => {
      const metadata = { 'weir-hour': 'dt=2026-11-24/hour=05', 'weir-end-offset': '17', 'weir-schema': 'flows.v1' };
      await store.createBytes('meta/a.parquet', bytes('x'), metadata);
      if (tested.metadataOf !== null) assert.deepEqual(await tested.metadataOf('meta/a.parquet'), metadata);
      else assert.equal(await whole('meta/a.parquet'), 'x');
    });
  });
}
