/** Calls of one key, one after the other; of different keys, at once. */
export class Turns {
  /** The last call of each key that has one under way. */
  readonly #last = new Map<string, Promise<unknown>>();

  async take<T>(key: string, call: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const turn = before === undefined ? call() : before.then(call, call);
    this.#last.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    }
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    while (this.#last.size > 0) await Promise.allSettled(this.#last.values());
  }
}
