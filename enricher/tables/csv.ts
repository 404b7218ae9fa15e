/** RFC 4180, with the place of every cell. The first line names the columns; empty lines and `#` lines are left out. */
import { type Cell, type ReadRow, refuseAt } from './cells.ts';

/** @throws WEIR_ENRICHER_TABLE_INVALID with line and column */
export function readCsv(file: string, text: string): readonly ReadRow[] {
  const records = new CsvReader(file, text).records();
  const header = records.shift();
  if (header === undefined) refuseAt(file, { line: 1, column: 1 }, 'the table has no header line');
  const names = header.map((cell) => cell.text.trim());
  names.forEach((name, i) => {
    if (names.indexOf(name) < i) refuseAt(file, header[i]!, `column ${name} is there twice`);
  });
  return records.map((record) => {
    const first = record[0]!;
    if (record.length > names.length)
      refuseAt(file, record[names.length]!, `more cells than the ${names.length} columns`);
    return { line: first.line, cells: new Map(record.map((cell, i) => [names[i]!, cell])) };
  });
}

class CsvReader {
  readonly #file: string;
  readonly #text: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;

  constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text.startsWith('\uFEFF') ? text.slice(1) : text;
  }

  records(): Cell[][] {
    const records: Cell[][] = [];
    while (this.#at < this.#text.length) {
      if (this.#text[this.#at] === '#') this.#skipLine();
      else {
        const record = this.#record();
        if (record.length > 1 || record[0]!.text.trim() !== '') records.push(record);
      }
    }
    return records;
  }

  #record(): Cell[] {
    const record: Cell[] = [];
    for (;;) {
      record.push(this.#text[this.#at] === '"' ? this.#quoted() : this.#plain());
      const next = this.#text[this.#at];
      this.#at += 1;
      if (next === ',') continue;
      if (next === '\r' && this.#text[this.#at] === '\n') this.#at += 1;
      this.#newLine();
      return record;
    }
  }

  #plain(): Cell {
    const { line, column } = this.#place();
    const from = this.#at;
    while (this.#at < this.#text.length && !',\r\n'.includes(this.#text[this.#at]!)) this.#at += 1;
    return { text: this.#text.slice(from, this.#at).trim(), line, column };
  }

  #quoted(): Cell {
    const place = this.#place();
    let text = '';
    for (;;) {
      const from = this.#at + 1;
      const end = this.#text.indexOf('"', from);
      if (end < 0) refuseAt(this.#file, place, 'a quoted cell that does not end');
      const part = this.#text.slice(from, end);
      text += part;
      this.#at = end + 1;
      for (let i = from; i < end; i += 1) if (this.#text[i] === '\n') this.#newLine(i + 1);
      if (this.#text[this.#at] !== '"') break;
      text += '"';
    }
    if (this.#at < this.#text.length && !',\r\n'.includes(this.#text[this.#at]!)) {
      refuseAt(this.#file, this.#place(), 'something after the closing quote of a cell');
    }
    return { text, ...place };
  }

  #skipLine(): void {
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end < 0 ? this.#text.length : end + 1;
    this.#newLine();
  }

  #newLine(start: number = this.#at): void {
    this.#line += 1;
    this.#lineStart = start;
  }

  #place(): { line: number; column: number } {
    return { line: this.#line, column: this.#at - this.#lineStart + 1 };
  }
}
