/**
 * Texts of a million workloads, two of each, outside the heap: a UUID as its 16 bytes, anything else as UTF-8, one behind
 * the other, in units of 4 bytes. What is freed is used again by pairs of the same size. Whoever holds a pair keeps its
 * place and its lengths.
 */
const UNIT = 4;
const UNITS_MIN = 1024;
/** In place of a length: 16 bytes that are written as a lower-case UUID. */
const UUID = 0x7fff;
const UUID_BYTES = 16;
const UUID_CHARACTERS = 36;
const HYPHEN = 0x2d;

/** Of the two, in one number. */
const firstOf = (lengths: number): number => lengths >>> 15;
const secondOf = (lengths: number): number => lengths & 0x7fff;
const bytesOf = (length: number): number => (length === UUID ? UUID_BYTES : length);
const unitsOf = (lengths: number): number => Math.ceil((bytesOf(firstOf(lengths)) + bytesOf(secondOf(lengths))) / UNIT);

/** Whether the first text of a pair is empty. */
export const isFirstEmpty = (lengths: number): boolean => firstOf(lengths) === 0;

export class TextStore {
  #bytes: Buffer<ArrayBuffer> = Buffer.from(new ArrayBuffer(UNIT * UNITS_MIN));
  #used = 0;
  /** By size in units: free places. */
  readonly #free = new Map<number, number[]>();
  /** Of the pair that was put last: 30 bits. */
  lengths = 0;

  /** The place of a new pair of texts, each of less than 32 kB; `lengths` belongs to it. */
  put(first: string, second: string): number {
    const firstLength = lengthOf(first);
    const secondLength = lengthOf(second);
    this.lengths = (firstLength << 15) | secondLength;
    const units = unitsOf(this.lengths);
    if (units === 0) return 0;
    const place = this.#free.get(units)?.pop() ?? this.#allocate(units);
    this.#write(UNIT * place, firstLength, first);
    this.#write(UNIT * place + bytesOf(firstLength), secondLength, second);
    return place;
  }

  first(place: number, lengths: number): string {
    return this.#get(UNIT * place, firstOf(lengths));
  }

  second(place: number, lengths: number): string {
    return this.#get(UNIT * place + bytesOf(firstOf(lengths)), secondOf(lengths));
  }

  isFirst(place: number, lengths: number, text: string): boolean {
    return this.#isEqual(UNIT * place, firstOf(lengths), text);
  }

  isSecond(place: number, lengths: number, text: string): boolean {
    return this.#isEqual(UNIT * place + bytesOf(firstOf(lengths)), secondOf(lengths), text);
  }

  release(place: number, lengths: number): void {
    const units = unitsOf(lengths);
    if (units === 0) return;
    const free = this.#free.get(units);
    if (free === undefined) this.#free.set(units, [place]);
    else free.push(place);
  }

  #write(at: number, length: number, text: string): void {
    if (length === UUID) putUuid(text, this.#bytes, at);
    else this.#bytes.write(text, at, length, 'utf8');
  }

  #get(from: number, length: number): string {
    if (length === UUID) return uuidText(this.#bytes, from);
    // Most names are ASCII, which is Latin-1 too and read faster; a byte past 127 says that it is not.
    for (let at = from; at < from + length; at += 1) {
      if (this.#bytes[at]! > 127) return this.#bytes.toString('utf8', from, from + length);
    }
    return this.#bytes.toString('latin1', from, from + length);
  }

  #isEqual(from: number, length: number, text: string): boolean {
    const bytes = this.#bytes;
    if (length === UUID) return text.length === UUID_CHARACTERS && isUuidAt(bytes, from, text);
    if (text.length > length) return false;
    for (let i = 0; i < text.length; i += 1) {
      const code = text.charCodeAt(i);
      if (code > 127) return this.#get(from, length) === text;
      if (bytes[from + i] !== code) return false;
    }
    return text.length === length;
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

/** Bytes, or `UUID`. */
function lengthOf(text: string): number {
  return text.length === UUID_CHARACTERS && isUuidText(text) ? UUID : Buffer.byteLength(text);
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

const DIGITS: Buffer = Buffer.from('0123456789abcdef');
const UUID_SCRATCH: Buffer = Buffer.alloc(UUID_CHARACTERS, HYPHEN);

/** Made in one piece: of slices it would be a tree of strings that the encoder takes apart again. */
function uuidText(bytes: Buffer, from: number): string {
  let at = from;
  for (let i = 0; i < UUID_CHARACTERS; i += 2) {
    if (isHyphenAt(i)) i += 1;
    const byte = bytes[at]!;
    UUID_SCRATCH[i] = DIGITS[byte >>> 4]!;
    UUID_SCRATCH[i + 1] = DIGITS[byte & 0xf]!;
    at += 1;
  }
  return UUID_SCRATCH.toString('latin1');
}
