/** The one thing that exactly-once stands on: a name that is taken cannot be created again. Asked before every start. */
import { WeirError } from '../../contract/errors.ts';
import type { Store } from '../../contract/store.ts';

/**
 * Create one name twice; the second must be refused, and the first must still be what stands there.
 * @param name below `_tmp/`, never used before; whoever asks removes it.
 * Fails: WEIR_SINK_STORE_CONDITION; WEIR_SINK_STORE_* of the store itself.
 */
export async function probeCondition(
  store: Pick<Store, 'where' | 'createBytes' | 'readRange'>,
  name: string,
): Promise<void> {
  const first = new TextEncoder().encode('first\n');
  await store.createBytes(name, first, {});
  let refused = false;
  try {
    await store.createBytes(name, new TextEncoder().encode('second\n'), {});
  } catch (error) {
    if (!(error instanceof WeirError) || error.code !== 'WEIR_SINK_EXISTS') throw error;
    refused = true;
  }
  const found = await store.readRange(name, 0, 64);
  if (refused && Buffer.compare(found, first) === 0) return;
  const what = `${store.where} let one name be created twice: it does not honour the condition; choose another store`;
  throw new WeirError('WEIR_SINK_STORE_CONDITION', what, { where: store.where });
}
