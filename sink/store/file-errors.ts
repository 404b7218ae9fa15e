/** From the file system's error codes to Weir's. */
import { type ErrorCode, fromUnknown, type WeirError } from '../../contract/errors.ts';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'WEIR_SINK_STORE_FULL',
  EDQUOT: 'WEIR_SINK_STORE_FULL',
  EFBIG: 'WEIR_SINK_STORE_FULL',
  EACCES: 'WEIR_SINK_STORE_RIGHTS',
  EPERM: 'WEIR_SINK_STORE_RIGHTS',
  EROFS: 'WEIR_SINK_STORE_RIGHTS',
  ENOTDIR: 'WEIR_SINK_STORE_RIGHTS',
  EISDIR: 'WEIR_SINK_STORE_RIGHTS',
  ENAMETOOLONG: 'WEIR_SINK_STORE_RIGHTS',
};

/** Anything that is not listed may pass (EIO, EMFILE, ENOENT of a folder just removed): it is tried again. */
export function fromFileSystem(error: unknown, what: string, where: string): WeirError {
  const code = (error instanceof Error && CODES[(error as NodeJS.ErrnoException).code ?? '']) || undefined;
  const mend = code === 'WEIR_SINK_STORE_FULL' ? 'the disk is full, free space there: ' : '';
  return fromUnknown(error, code ?? 'WEIR_SINK_STORE_UNAVAILABLE', `${mend}cannot ${what} in ${where}`, { where });
}

export function isFileSystemError(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
