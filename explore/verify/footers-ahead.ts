/** Footers of a chain's objects, read ahead of the walk: over a bucket the round trips would be most of the time. */
import type { Store, StoredObject } from '../../contract/store.ts';
import { FIRST_READ_BYTES, readFooter } from './footer.ts';

/** Reads under way at once. A footer has some 64 KiB with its parsed state. */
const AHEAD = 32;

/** Streams come and go, so a footer is a little longer or shorter than the one before. */
const SLACK = 1.1;

type Footer = ReturnType<typeof readFooter>;

export class FootersAhead {
  readonly #store: Store;
  readonly #objects: readonly StoredObject[];
  readonly #places: ReadonlyMap<string, number>;
  readonly #reading = new Map<string, Footer>();
  /** First of the list that no read was begun for. */
  #next = 0;
  /** What the longest footer so far would have needed, and a little: a second read is rare, and few bytes are data. */
  #tailBytes = 0;

  /** `objects` in the order in which they will mostly be asked for. */
  constructor(store: Store, objects: readonly StoredObject[]) {
    this.#store = store;
    this.#objects = objects;
    this.#places = new Map(objects.map(({ name }, place) => [name, place]));
  }

  /** As `readFooter`. */
  read(object: StoredObject): Footer {
    const known = this.#reading.get(object.name) ?? this.#begin(object);
    this.#reading.delete(object.name);
    const place = this.#places.get(object.name);
    if (place === undefined) return known;
    this.#next = Math.max(this.#next, place + 1);
    // What the walk passed over would fill the bound for ever; it is read again where it is asked for after all.
    for (const name of this.#reading.keys()) if (this.#places.get(name)! < place) this.#reading.delete(name);
    for (; this.#next <= place + AHEAD && this.#reading.size < AHEAD; this.#next++) {
      const after = this.#objects[this.#next];
      if (after === undefined) break;
      const footer = this.#begin(after);
      // Nobody may ask for it; whoever does is told.
      footer.catch(() => undefined);
      this.#reading.set(after.name, footer);
    }
    return known;
  }

  #begin(object: StoredObject): Footer {
    const footer = readFooter(this.#store, object, this.#tailBytes || FIRST_READ_BYTES);
    const learn = (read: Awaited<Footer>): void => {
      if (read.kind === 'facts') this.#tailBytes = Math.max(this.#tailBytes, Math.ceil(read.tailBytes * SLACK));
    };
    footer.then(learn, () => undefined);
    return footer;
  }
}
