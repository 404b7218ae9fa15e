/** Back-pressure: callers take bytes before they queue something, and wait in order once the bound is reached. */
interface Waiter {
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class ByteBudget {
  readonly #bytesMax: number;
  readonly #waiters: Waiter[] = [];
  #taken = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get takenBytes(): number {
    return this.#taken;
  }

  get waitersCount(): number {
    return this.#waiters.length;
  }

  /** Null when there is room (taken at once), else a promise of it. More than the whole bound passes alone. */
  take(bytes: number): Promise<void> | null {
    if (this.#waiters.length === 0 && this.#fits(bytes)) {
      this.#taken += bytes;
      return null;
    }
    return new Promise((resolve, reject) => this.#waiters.push({ bytes, resolve, reject }));
  }

  give(bytes: number): void {
    this.#taken -= bytes;
    for (let next = this.#waiters[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiters[0]) {
      this.#waiters.shift();
      this.#taken += next.bytes;
      next.resolve();
    }
  }

  /** Whoever waits fails. */
  close(error: Error): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  #fits(bytes: number): boolean {
    return this.#taken === 0 || this.#taken + bytes <= this.#bytesMax;
  }
}
