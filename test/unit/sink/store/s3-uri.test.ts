import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isName, parseS3Uri } from '../../../../sink/store/s3-uri.ts';

describe('the address of a bucket', () => {
  it('is a bucket and what stands before every name in it', () => {
    assert.deepEqual(parseS3Uri('s3://flows'), { bucket: 'flows', prefix: '' });
    assert.deepEqual(parseS3Uri('s3://flows/'), { bucket: 'flows', prefix: '' });
    assert.deepEqual(parseS3Uri('s3://my.flows-1/prod/eu/'), { bucket: 'my.flows-1', prefix: 'prod/eu/' });
  });

  it('is refused where no bucket can have such a name, or the prefix leads elsewhere', () => {
    const long = `s3://flows/${'x'.repeat(801)}`;
    for (const uri of [
      '',
      's3:/flows',
      's3://',
      's3://UPPER',
      's3://ab',
      's3://-ab',
      's3://flows/a//b',
      's3://flows/..',
      long,
    ]) {
      assert.throws(() => parseS3Uri(uri), { code: 'WEIR_CONFIG_INVALID' }, uri);
    }
  });

  it('takes the names that a folder takes', () => {
    for (const name of ['a', 'flows/dt=2026-11-24/hour=05/x.parquet', '_chain/flows-00000'])
      assert.ok(isName(name), name);
    for (const name of ['', '/a', 'a/', 'a//b', '.', 'a/../b', 'a\0', '\ud800']) assert.ok(!isName(name), name);
  });
});
