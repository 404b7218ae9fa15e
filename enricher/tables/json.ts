/** A JSON array of flat objects, with the place of every value: `JSON.parse` keeps none. */
import { type Cell, type ReadRow, refuseAt } from './cells.ts';

/** @throws WEIR_ENRICHER_TABLE_INVALID with line and column */
export function readJson(file: string, text: string): readonly ReadRow[] {
  return new JsonReader(file, text).rows();
}

const NUMBER = /-?\d+(\.\d+)?([eE][+-]?\d+)?/y;

class JsonReader {
  readonly #file: string;
  readonly #text: string;
  #at = 0;
  /** Where lines were counted last, and how many there were. */
  #lineAt = 0;
  #lines = 1;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
    if (text.startsWith('\uFEFF')) this.#at = 1;
  }

  rows(): ReadRow[] {
    const rows: ReadRow[] = [];
    this.#take('[', 'an array of objects');
    if (this.#peek() === ']') this.#at += 1;
    else {
      do rows.push(this.#row());
      while (this.#more(']'));
    }
    if (this.#peek() !== '') this.#refuse('something after the array');
    return rows;
  }

  #row(): ReadRow {
    const cells = new Map<string, Cell>();
    this.#take('{', 'an object');
    const { line } = this.#place();
    if (this.#peek() === '}') {
      this.#at += 1;
      return { line, cells };
    }
    do {
      if (this.#peek() !== '"') this.#refuse('a name in quotes was expected');
      const place = this.#place();
      const name = this.#string();
      if (cells.has(name)) refuseAt(this.#file, place, `${name} is there twice`);
      this.#take(':', 'a colon');
      cells.set(name, this.#value());
    } while (this.#more('}'));
    return { line, cells };
  }

  /** A text or a number as it is written; null is empty. */
  #value(): Cell {
    const next = this.#peek();
    const place = this.#place();
    if (next === '"') return { text: this.#string(), ...place };
    if (this.#text.startsWith('null', this.#at)) {
      this.#at += 4;
      return { text: '', ...place };
    }
    NUMBER.lastIndex = this.#at;
    const [number] = NUMBER.exec(this.#text) ?? [];
    if (number === undefined) this.#refuse('a text, a number or null was expected');
    this.#at += number.length;
    return { text: number, ...place };
  }

  #string(): string {
    const from = this.#at;
    let end = from + 1;
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1;
    if (end >= this.#text.length) this.#refuse('a text that does not end');
    try {
      this.#at = end + 1;
      return JSON.parse(this.#text.slice(from, end + 1)) as string;
    } catch (cause) {
      this.#at = from;
      return this.#refuse(`a text that is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  }

  /** True after a comma, false after the closing sign. */
  #more(close: string): boolean {
    const next = this.#peek();
    if (next !== ',' && next !== close) this.#refuse(`"," or "${close}" was expected`);
    this.#at += 1;
    return next === ',';
  }

  #take(sign: string, what: string): void {
    if (this.#peek() !== sign) this.#refuse(`${what} was expected`);
    this.#at += 1;
  }

  /** The next character that is no space; empty at the end. */
  #peek(): string {
    while (this.#at < this.#text.length && ' \t\r\n'.includes(this.#text[this.#at]!)) this.#at += 1;
    return this.#text[this.#at] ?? '';
  }

  #place(): { line: number; column: number } {
    const lineStart = this.#at === 0 ? 0 : this.#text.lastIndexOf('\n', this.#at - 1) + 1;
    return { line: this.#line(), column: this.#at - lineStart + 1 };
  }

  /** Counted on from where it was counted last. */
  #line(): number {
    if (this.#at < this.#lineAt) {
      this.#lineAt = 0;
      this.#lines = 1;
    }
    for (; this.#lineAt < this.#at; this.#lineAt += 1) if (this.#text[this.#lineAt] === '\n') this.#lines += 1;
    return this.#lines;
  }

  #refuse(problem: string): never {
    return refuseAt(this.#file, this.#place(), problem);
  }
}
