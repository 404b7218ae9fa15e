import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fromS3, isBeyondEnd, isNotFound, type S3Request } from '../../../../sink/store/s3-errors.ts';

const PUT: S3Request = { action: 's3:PutObject', bucket: 'flows', key: 'prod/flows/x.parquet' };

/** An error as the SDK throws it: the server's code, its status, and more that must not go further. */
function answer(name: string, status: number | null, more: object = {}): Error {
  const error = new Error(`said ${name}`);
  error.name = name;
  return Object.assign(error, status === null ? {} : { $metadata: { httpStatusCode: status } }, more);
}

describe("an S3 server's answer", () => {
  const cases: readonly (readonly [string, number | null, string, string])[] = [
    ['PreconditionFailed', 412, 'WEIR_SINK_EXISTS', 'drop'],
    ['ConditionalRequestConflict', 409, 'WEIR_SINK_STORE_UNAVAILABLE', 'retry'],
    ['OperationAborted', 409, 'WEIR_SINK_STORE_UNAVAILABLE', 'retry'],
    ['SlowDown', 503, 'WEIR_SINK_STORE_UNAVAILABLE', 'retry'],
    ['TooManyRequestsException', 429, 'WEIR_SINK_STORE_UNAVAILABLE', 'retry'],
    ['InternalError', 500, 'WEIR_SINK_STORE_UNAVAILABLE', 'retry'],
    ['TimeoutError', null, 'WEIR_SINK_STORE_UNAVAILABLE', 'retry'],
    ['AbortError', null, 'WEIR_SINK_STORE_UNAVAILABLE', 'retry'],
    ['RequestTimeout', 400, 'WEIR_SINK_STORE_UNAVAILABLE', 'retry'],
    ['BadDigest', 400, 'WEIR_SINK_STORE_UNAVAILABLE', 'retry'],
    ['ExpiredToken', 400, 'WEIR_SINK_STORE_UNAVAILABLE', 'retry'],
    ['RequestTimeTooSkewed', 403, 'WEIR_SINK_STORE_UNAVAILABLE', 'retry'],
    ['QuotaExceeded', 403, 'WEIR_SINK_STORE_FULL', 'retry'],
    ['QuotaExceeded', 507, 'WEIR_SINK_STORE_FULL', 'retry'],
    ['XMinioStorageFull', 507, 'WEIR_SINK_STORE_FULL', 'retry'],
    ['InsufficientStorage', 507, 'WEIR_SINK_STORE_FULL', 'retry'],
    ['AccessDenied', 403, 'WEIR_SINK_STORE_RIGHTS', 'fatal'],
    ['InvalidAccessKeyId', 403, 'WEIR_SINK_STORE_RIGHTS', 'fatal'],
    ['403', 403, 'WEIR_SINK_STORE_RIGHTS', 'fatal'],
    ['CredentialsProviderError', null, 'WEIR_SINK_STORE_RIGHTS', 'fatal'],
    ['NoSuchBucket', 404, 'WEIR_SINK_STORE_MISSING', 'fatal'],
    ['PermanentRedirect', 301, 'WEIR_CONFIG_INVALID', 'fatal'],
    ['AuthorizationHeaderMalformed', 400, 'WEIR_CONFIG_INVALID', 'fatal'],
    ['NotImplemented', 501, 'WEIR_SINK_STORE_CONDITION', 'fatal'],
    ['MetadataTooLarge', 400, 'WEIR_SINK_STORE_REFUSED', 'fatal'],
  ];
  for (const [name, status, code, disposition] of cases) {
    it(`${name} (${status ?? 'no answer'}) is ${code}, ${disposition}`, () => {
      const error = fromS3(answer(name, status), PUT);
      assert.deepEqual([error.code, error.disposition], [code, disposition]);
      assert.match(error.message, /flows/);
    });
  }

  it('a broken pipe or a refused connection leaves the outcome unknown', () => {
    for (const code of ['EPIPE', 'ECONNRESET', 'ECONNREFUSED', 'ENOTFOUND', 'ETIMEDOUT']) {
      const error = fromS3(Object.assign(new Error('socket'), { code }), PUT);
      assert.equal(error.disposition, 'retry', code);
      assert.match(error.message, new RegExp(code));
    }
  });

  it('credentials that cannot be had for a while end nobody who had some', () => {
    const error = fromS3(answer('CredentialsProviderError', null), PUT, true);
    assert.deepEqual([error.code, error.disposition], ['WEIR_SINK_STORE_UNAVAILABLE', 'retry']);
  });

  it('names the region of the bucket where the server tells it', () => {
    const response = { statusCode: 301, headers: { 'x-amz-bucket-region': 'eu-central-1' } };
    const error = fromS3(answer('PermanentRedirect', 301, { $response: response }), PUT);
    assert.match(error.message, /region eu-central-1.*lake\.region/);
  });

  it('keeps nothing of the request', () => {
    const error = fromS3(answer('AccessDenied', 403, { AWSAccessKeyId: 'AKIASECRET', StringToSign: 'x' }), PUT);
    assert.doesNotMatch(JSON.stringify([error, error.cause, Object.entries(error.cause as object)]), /AKIASECRET/);
  });

  it('tells an object that is not there, and a range beyond its end, from a bucket that is not', () => {
    assert.deepEqual(
      [
        isNotFound(answer('NotFound', 404)),
        isNotFound(answer('NoSuchKey', 404)),
        isNotFound(answer('NoSuchBucket', 404)),
      ],
      [true, true, false],
    );
    assert.deepEqual([isBeyondEnd(answer('InvalidRange', 416)), isBeyondEnd(answer('NoSuchKey', 404))], [true, false]);
  });
});
