/** A file that is read anew when it changes: by size, time and inode, looked at every few seconds. */
import { readFile, stat } from 'node:fs/promises';
import { fromUnknown, type ErrorCode } from '../../contract/errors.ts';

export class WatchedFile {
  readonly path: string;
  readonly #code: ErrorCode;
  #mark = '';

  constructor(path: string, code: ErrorCode) {
    this.path = path;
    this.#code = code;
  }

  /** Its bytes where it is new since the last call, null where it is as it was. @throws the code when it cannot be read */
  async changed(): Promise<Buffer | null> {
    try {
      const { size, mtimeMs, ctimeMs, ino } = await stat(this.path);
      const mark = `${size} ${mtimeMs} ${ctimeMs} ${ino}`;
      if (mark === this.#mark) return null;
      const bytes = await readFile(this.path);
      this.#mark = mark;
      return bytes;
    } catch (cause) {
      throw fromUnknown(cause, this.#code, this.path, { file: this.path });
    }
  }
}
