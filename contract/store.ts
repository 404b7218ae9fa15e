/**
 * Where objects live: a local folder or a bucket. Names are relative, with `/`.
 * An object is created once, whole, and never changed; a visible object is whole.
 * Errors: WEIR_SINK_EXISTS, WEIR_SINK_STORE_*.
 */
export interface StoredObject {
  readonly name: string;
  readonly bytes: number;
}

export interface Store {
  /** For messages: the URI or path, without credentials. */
  readonly where: string;
  /**
   * Make an object from a local file, only if the name is free (If-None-Match: *; link(2) in a folder).
   * WEIR_SINK_EXISTS when it is taken. Any error of disposition `retry` leaves the outcome unknown: call again.
   */
  create(name: string, file: string, metadata: Readonly<Record<string, string>>): Promise<void>;
  /** The same for bytes in memory. */
  createBytes(name: string, bytes: Uint8Array, metadata: Readonly<Record<string, string>>): Promise<void>;
  /** Null when there is none. */
  stat(name: string): Promise<StoredObject | null>;
  /** All objects below a prefix, by name ascending. */
  list(prefix: string): Promise<readonly StoredObject[]>;
  /** Names of the folders directly below a prefix that ends with `/` (or is empty), by name ascending, without `/`. */
  folders(prefix: string): Promise<readonly string[]>;
  /** A range of an object; `end` is exclusive. Fewer bytes only where the object ends before. */
  readRange(name: string, start: number, end: number): Promise<Uint8Array>;
  /** A path on this machine that any reader may open: the object itself in a folder, a bounded cache of a bucket. */
  localPath(name: string): Promise<string>;
  /** A free path in the store's temporary folder (on the same file system where it is a folder). */
  temporaryPath(suffix: string): Promise<string>;
  /** Remove a file at a path that `temporaryPath` gave; `create` leaves it. Nothing happens when it is gone. */
  discard(file: string): Promise<void>;
}
