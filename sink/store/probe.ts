/** The one thing that exactly-once stands on: a name that is taken cannot be created again. Asked before every start. */
import { WeirError } from '../../contract/errors.ts';
import type { Store } from '../../contract/store.ts';

/**
 * Create one name twice; the second must be refused, and the first must still be what stands there.
 * @param name free, or that of an earlier probe: then the first is refused already, which proves nothing.
 * Fails: WEIR_SINK_STORE_CONDITION; WEIR_SINK_STORE_* of the store itself.
 */
export async function probeCondition(
  store: Pick<Store, 'where' | 'createBytes' | 'readRange'>,
  name: string,
): Promise<void> {
  const first = new TextEncoder().encode('first\n');
  await isRefused(store, name, first);
  const refused = await isRefused(store, name, new TextEncoder().encode('second\n'));
  const found = await store.readRange(name, 0, 64);
  if (refused && Buffer.compare(found, first) === 0) return;
  const what = `${store.where} let one name be created twice: it does not honour the condition; choose another store`;
  throw new WeirError('WEIR_SINK_STORE_CONDITION', what, { where: store.where });
}

async function isRefused(store: Pick<Store, 'createBytes'>, name: string, bytes: Uint8Array): Promise<boolean> {
  try {
    await store.createBytes(name, bytes, {});
    return false;
  } catch (error) {
    if (!(error instanceof WeirError) || error.code !== 'WEIR_SINK_EXISTS') throw error;
    return true;
  }
}
