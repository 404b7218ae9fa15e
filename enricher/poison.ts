/** Bad messages are refused one by one; when most are bad it is no poison but an outage, and refusing would lose it all. */
import { WeirError } from '../contract/errors.ts';

const WINDOW = 100;
const REFUSED_MAX = 50;

export class PoisonRate {
  readonly #window: boolean[] = [];

  /** Whether the next message was refused. @throws WEIR_ENRICHER_POISON_RATE past half of the last hundred */
  note(refused: boolean): void {
    this.#window.push(refused);
    if (this.#window.length > WINDOW) this.#window.shift();
    const count = this.#window.filter(Boolean).length;
    if (count <= REFUSED_MAX) return;
    const message = `${count} of the last ${this.#window.length} raw messages were refused: a schema outage? Their offsets are not committed`;
    throw new WeirError('WEIR_ENRICHER_POISON_RATE', message, { refused: count });
  }
}
