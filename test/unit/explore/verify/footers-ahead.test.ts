import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Store } from '../../../../contract/store.ts';
import { FootersAhead } from '../../../../explore/verify/footers-ahead.ts';

/** A store whose reads end when they are told to. */
function slowStore() {
  const asked: string[] = [];
  const open: (() => void)[] = [];
  const store = {
    readRange: (name: string): Promise<Uint8Array> => {
      asked.push(name);
      return new Promise((resolve) => open.push(() => resolve(new Uint8Array(0))));
    },
  } as unknown as Store;
  return { store, asked, answerAll: () => open.splice(0).forEach((answer) => answer()) };
}

describe('footers read ahead', () => {
  const objects = Array.from({ length: 100 }, (_, i) => ({ name: `${i}.parquet`, bytes: 1000 }));

  it('are read in order, some at once, and each once', async () => {
    const { store, asked, answerAll } = slowStore();
    const footers = new FootersAhead(store, objects);
    for (const [i, object] of objects.entries()) {
      const footer = footers.read(object);
      if (i === 0) assert.equal(asked.length, 33);
      assert.ok(asked.length <= i + 33);
      answerAll();
      assert.equal((await footer).kind, 'cut');
    }
    assert.deepEqual(
      asked,
      objects.map(({ name }) => name),
    );
  });

  it('go on ahead where the walk skips some, and read what is not in the list', async () => {
    const { store, asked, answerAll } = slowStore();
    const footers = new FootersAhead(store, objects);
    void footers.read(objects[0]!);
    void footers.read(objects[50]!);
    assert.equal(asked.length, 33 + 33);
    void footers.read(objects[51]!);
    assert.equal(asked.length, 33 + 34);
    const late = footers.read({ name: 'late.parquet', bytes: 1000 });
    answerAll();
    assert.equal((await late).kind, 'cut');
  });
});
