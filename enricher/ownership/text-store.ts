/**
 * Texts of a million workloads, outside the heap: a UUID as its 16 bytes, anything else as UTF-8, in units of 16 bytes.
 * What is freed is used again by texts of the same size. Whoever holds a text keeps its place and length.
 */
const UNIT = 16;
const UNITS_MIN = 256;
/** In place of a length: 16 bytes that are written as a lower-case UUID. */
export const UUID_LENGTH = -1;
const UUID_CHARACTERS = 36;
const HYPHEN = 0x2d;

export class TextStore {
  #bytes: Buffer<ArrayBuffer> = Buffer.from(new ArrayBuffer(UNIT * UNITS_MIN));
  #used = 0;
  /** By size in units: free places. */
  readonly #free = new Map<number, number[]>();
  /** Length of the text that was put last: bytes, or `UUID_LENGTH`. */
  length = 0;

  /** The place of a new text; its length is in `length`. */
  put(text: string): number {
    const isUuid = text.length === UUID_CHARACTERS && isUuidText(text);
    const bytes = isUuid ? UNIT : Buffer.byteLength(text);
    this.length = isUuid ? UUID_LENGTH : bytes;
    if (bytes === 0) return 0;
    const units = Math.ceil(bytes / UNIT);
    const place = this.#free.get(units)?.pop() ?? this.#allocate(units);
    if (isUuid) putUuid(text, this.#bytes, UNIT * place);
    else this.#bytes.write(text, UNIT * place, bytes, 'utf8');
    return place;
  }

  get(place: number, length: number): string {
    if (length === UUID_LENGTH) return uuidText(this.#bytes, UNIT * place);
    // Most names are ASCII, which is Latin-1 too and read faster; a byte past 127 says that it is not.
    const from = UNIT * place;
    for (let at = from; at < from + length; at += 1) {
      if (this.#bytes[at]! > 127) return this.#bytes.toString('utf8', from, from + length);
    }
    return this.#bytes.toString('latin1', from, from + length);
  }

  isEqual(place: number, length: number, text: string): boolean {
    const bytes = this.#bytes;
    let at = UNIT * place;
    if (length === UUID_LENGTH) return text.length === UUID_CHARACTERS && isUuidAt(bytes, at, text);
    if (text.length > length) return false;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > 127) return this.get(place, length) === text;
      if (bytes[at] !== code) return false;
      at += 1;
    }
    return text.length === length;
  }

  release(place: number, length: number): void {
    if (length === 0) return;
    const units = length === UUID_LENGTH ? 1 : Math.ceil(length / UNIT);
    const free = this.#free.get(units);
    if (free === undefined) this.#free.set(units, [place]);
    else free.push(place);
  }

  #allocate(units: number): number {
    const place = this.#used;
    this.#used += units;
    const needed = UNIT * this.#used;
    if (needed <= this.#bytes.length) return place;
    const old = this.#bytes;
    this.#bytes = Buffer.from(new ArrayBuffer(Math.max(2 * old.length, needed)));
    this.#bytes.set(old);
    // At once, and not when the collector finds it.
    old.buffer.transfer(0);
    return place;
  }
}

/** FNV-1a over the UTF-16 codes. */
export function hashText(text: string, seed: number): number {
  let h = seed;
  for (let i = 0; i < text.length; i += 1) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h;
}

const isHyphenAt = (i: number): boolean => i === 8 || i === 13 || i === 18 || i === 23;

/** The value of a lower-case hex digit, -1 for anything else. */
function digit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  return code >= 97 && code <= 102 ? code - 87 : -1;
}

function isUuidText(text: string): boolean {
  for (let i = 0; i < UUID_CHARACTERS; i += 1) {
    const code = text.charCodeAt(i);
    if (isHyphenAt(i) ? code !== HYPHEN : digit(code) < 0) return false;
  }
  return true;
}

function putUuid(text: string, bytes: Uint8Array, from: number): void {
  let at = from;
  for (let i = 0; i < UUID_CHARACTERS; i += 2) {
    if (isHyphenAt(i)) i += 1;
    bytes[at] = (digit(text.charCodeAt(i)) << 4) | digit(text.charCodeAt(i + 1));
    at += 1;
  }
}

function isUuidAt(bytes: Uint8Array, from: number, text: string): boolean {
  let at = from;
  for (let i = 0; i < UUID_CHARACTERS; i += 2) {
    if (isHyphenAt(i)) {
      if (text.charCodeAt(i) !== HYPHEN) return false;
      i += 1;
    }
    const byte = bytes[at]!;
    if (digit(text.charCodeAt(i)) !== byte >>> 4 || digit(text.charCodeAt(i + 1)) !== (byte & 0xf)) return false;
    at += 1;
  }
  return true;
}

function uuidText(bytes: Buffer, from: number): string {
  const hex = bytes.toString('hex', from, from + UNIT);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
