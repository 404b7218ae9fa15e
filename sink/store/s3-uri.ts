/** `s3://bucket/prefix`: which bucket, and what stands before every name in it. */
import { WeirError } from '../../contract/errors.ts';

export interface S3Place {
  readonly bucket: string;
  /** Empty, or it ends with `/`. */
  readonly prefix: string;
}

/** Amazon S3, "Bucket naming rules"; other servers take no more. */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
/** A key has at most 1,024 bytes; Weir's own names need some 100. */
const PREFIX_BYTES_MAX = 800;

/** Fails: WEIR_CONFIG_INVALID, naming what of it is wrong. */
export function parseS3Uri(uri: string): S3Place {
  const match = /^s3:\/\/([^/]*)(?:\/(.*))?$/s.exec(uri);
  if (match === null) throw wrong(uri, 'allowed is s3://bucket/prefix');
  const bucket = match[1]!;
  const prefix = (match[2] ?? '').replace(/\/+$/, '');
  if (!BUCKET.test(bucket)) throw wrong(uri, `${JSON.stringify(bucket)} cannot be the name of a bucket`);
  if (Buffer.byteLength(prefix) > PREFIX_BYTES_MAX) {
    throw wrong(uri, `its prefix is longer than ${PREFIX_BYTES_MAX} bytes`);
  }
  if (prefix !== '' && !isName(prefix)) throw wrong(uri, 'its prefix has an empty part, "." or ".."');
  return { bucket, prefix: prefix === '' ? '' : `${prefix}/` };
}

export const isS3Uri = (uri: string): boolean => /^s3:\/\//i.test(uri);

/** The same names as in a folder: relative, with `/`, and nothing that leads elsewhere. */
export function isName(name: string): boolean {
  if (name.includes('\0') || !name.isWellFormed()) return false;
  return name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

function wrong(uri: string, why: string): WeirError {
  return new WeirError('WEIR_CONFIG_INVALID', `lake.uri is ${uri}: ${why}`, { key: 'lake.uri' });
}
