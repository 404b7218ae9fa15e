/** JSON payloads of frames, checked field by field: a recording may come from anywhere. */
import { invalidRecording } from './format.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

export type JsonObject = Readonly<Record<string, unknown>>;

/** Typed arrays of addresses travel as hex. */
export function toJson(value: unknown): Uint8Array {
  const text = JSON.stringify(value, (_, item: unknown) =>
    item instanceof Uint8Array ? Buffer.from(item).toString('hex') : item,
  );
  return new TextEncoder().encode(text);
}

/** Reads one payload; every mistake is WEIR_SIDECAR_RECORDING_INVALID at `fileOffset`. */
export class JsonReader {
  readonly #fileOffset: number;

  constructor(fileOffset: number) {
    this.#fileOffset = fileOffset;
  }

  parse(payload: Uint8Array): unknown {
    try {
      return JSON.parse(decoder.decode(payload));
    } catch (cause) {
      throw invalidRecording('JSON that cannot be read', this.#fileOffset, cause);
    }
  }

  object(value: unknown, what: string): JsonObject {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
    throw this.#wrong(what);
  }

  array(value: unknown, what: string): readonly unknown[] {
    if (Array.isArray(value)) return value as unknown[];
    throw this.#wrong(what);
  }

  number(value: unknown, what: string): number {
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw this.#wrong(what);
  }

  /** A whole number of 0 or more. */
  count(value: unknown, what: string): number {
    const count = this.number(value, what);
    if (Number.isSafeInteger(count) && count >= 0) return count;
    throw this.#wrong(what);
  }

  integer(value: unknown, what: string): number {
    const integer = this.number(value, what);
    if (Number.isSafeInteger(integer)) return integer;
    throw this.#wrong(what);
  }

  string(value: unknown, what: string): string {
    if (typeof value === 'string') return value;
    throw this.#wrong(what);
  }

  boolean(value: unknown, what: string): boolean {
    if (typeof value === 'boolean') return value;
    throw this.#wrong(what);
  }

  /** 32 hex digits. */
  address(value: unknown, what: string): Uint8Array {
    const hex = this.string(value, what);
    if (/^[0-9a-f]{32}$/.test(hex)) return Uint8Array.from(Buffer.from(hex, 'hex'));
    throw this.#wrong(what);
  }

  counts(value: unknown, what: string): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const [name, count] of Object.entries(this.object(value, what))) counts[name] = this.count(count, what);
    return counts;
  }

  #wrong(what: string): Error {
    return invalidRecording(`${what} is missing or of another type`, this.#fileOffset);
  }
}
