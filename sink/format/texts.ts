/** Dictionaries: entities seen in many batches, interned once a file, and text columns made from them. */
import type { ColumnData } from './columns.ts';

/**
 * Numbers things by a key, from 0, in the order of their first sight. One entry a distinct thing and file; the bound is
 * the rows of the file.
 */
export class Entities<T> {
  readonly list: T[] = [];
  readonly #numbers = new Map<string, number>();

  number(key: string, thing: T): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.list.length;
    this.list.push(thing);
    this.#numbers.set(key, number);
    return number;
  }

  clear(): void {
    this.list.length = 0;
    this.#numbers.clear();
  }
}

/** 1 for each entity that a row names. */
export function markUsed(index: Int32Array, rows: number, entities: number): Uint8Array {
  const used = new Uint8Array(entities);
  for (let row = 0; row < rows; row++) {
    const entity = index[row]!;
    if (entity >= 0) used[entity] = 1;
  }
  return used;
}

/**
 * A text column: one text for each entity that is used, equal texts once. Empty text: null.
 * @param sorted the codes then stand in the order of the texts.
 */
export function textColumn(
  index: Int32Array,
  used: Uint8Array,
  textOf: (entity: number) => string,
  sorted: boolean = false,
): ColumnData {
  const codes = new Int32Array(used.length).fill(-1);
  const byText = new Map<string, number>();
  const texts: string[] = [];
  for (let entity = 0; entity < used.length; entity++) {
    if (used[entity] === 0) continue;
    const text = cleanText(textOf(entity));
    if (text === '') continue;
    let code = byText.get(text);
    if (code === undefined) {
      code = texts.length;
      texts.push(text);
      byText.set(text, code);
    }
    codes[entity] = code;
  }
  if (texts.length === 0) return { kind: 'none' };
  if (sorted) sortCodes(codes, texts);
  return { kind: 'texts', index, codes, texts };
}

/** DuckDB takes the texts of an ENUM as C strings of UTF-8: two that differ behind a NUL would be one. */
function cleanText(text: string): string {
  const whole = text.isWellFormed() ? text : text.toWellFormed();
  return whole.includes('\0') ? whole.replaceAll('\0', '\uFFFD') : whole;
}

function sortCodes(codes: Int32Array, texts: string[]): void {
  const before = texts.map((text, code) => ({ text, code }));
  before.sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  const renamed = new Int32Array(texts.length);
  for (let code = 0; code < before.length; code++) {
    renamed[before[code]!.code] = code;
    texts[code] = before[code]!.text;
  }
  for (let entity = 0; entity < codes.length; entity++) {
    if (codes[entity]! >= 0) codes[entity] = renamed[codes[entity]!]!;
  }
}
