/** What an S3 server refuses, loses or does not keep: each one clear error, and nothing tried again unseen. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { WeirError } from '../../contract/errors.ts';
import { openS3Store, readS3Store } from '../../sink/store/s3.ts';
import { S3World } from '../fixtures/s3-world.ts';
import { HttpFaultProxy } from '../servers/http-fault-proxy.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function failure(work: Promise<unknown>): Promise<WeirError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof WeirError, String(error));
    return error;
  }
  assert.fail('it did not fail');
}

describe('an S3 store and its server', () => {
  let world: S3World;
  let proxy: HttpFaultProxy;
  before(async () => {
    world = await S3World.start();
    proxy = await HttpFaultProxy.start({ target: world.server.endpoint, seed: 1, slowMs: 1500, lateMs: 200 });
  });
  after(async () => {
    await proxy.close();
    await world.stop();
  });

  const through = () => world.open({ endpoint: proxy.endpoint, timeoutMs: 1000 });

  it('tells that the outcome is unknown when the answer is lost, and meets its own object at the next call', async () => {
    const store = await through();
    proxy.plan('lost_answer', 'PUT', /lost/);
    const before = proxy.requests;
    const lost = await failure(store.createBytes('t/lost', bytes('mine'), {}));
    assert.deepEqual([lost.code, lost.disposition], ['WEIR_SINK_STORE_UNAVAILABLE', 'retry']);
    assert.equal(proxy.requests - before, 1, 'the SDK must not try a PUT again by itself');
    const taken = await failure(store.createBytes('t/lost', bytes('mine'), {}));
    assert.equal(taken.code, 'WEIR_SINK_EXISTS');
    assert.equal(new TextDecoder().decode(await store.readRange('t/lost', 0, 10)), 'mine');
  });

  it('gives each of the other faults of a PUT as something to try again, and the next call succeeds', async () => {
    const store = await through();
    for (const kind of ['refused', 'cut_request', 'slow'] as const) {
      for (let i = 0; i < (kind === 'refused' ? 6 : 1); i++) {
        proxy.plan(kind, 'PUT', /t\/again/);
        const error = await failure(store.createBytes(`t/again-${kind}-${i}`, bytes('x'), {}));
        assert.deepEqual([error.code, error.disposition], ['WEIR_SINK_STORE_UNAVAILABLE', 'retry'], kind);
        // Slow: it was applied.
        const again = store.createBytes(`t/again-${kind}-${i}`, bytes('x'), {});
        if (kind === 'slow') assert.equal((await failure(again)).code, 'WEIR_SINK_EXISTS');
        else await again;
      }
    }
  });

  it('is not harmed by a request that arrives long after it gave up', async () => {
    const store = await through();
    proxy.plan('late', 'PUT', /t\/late/);
    assert.equal((await failure(store.createBytes('t/late', bytes('late'), {}))).disposition, 'retry');
    await store.createBytes('t/late', bytes('second'), {});
    await proxy.settle();
    assert.equal(new TextDecoder().decode(await store.readRange('t/late', 0, 10)), 'second');
  });

  it('reads through refusals and cut answers by itself, and whole', async () => {
    const store = await through();
    const content = Buffer.alloc(300_000, 'abcdefg');
    await store.createBytes('t/read.parquet', content, {});
    for (const kind of ['refused', 'cut_request', 'cut_answer', 'lost_answer'] as const) {
      proxy.plan(kind, 'GET', /read/);
      assert.deepEqual(
        Buffer.from(await store.readRange('t/read.parquet', 1, 200_000)),
        content.subarray(1, 200_000),
        kind,
      );
      proxy.plan(kind, 'HEAD', /read/);
      assert.equal((await store.stat('t/read.parquet'))?.bytes, content.length, kind);
      proxy.plan(kind, 'GET', /list-type/);
      assert.equal((await store.list('t/read')).length, 1, kind);
      const fresh = await world.open({ endpoint: proxy.endpoint, cacheDir: join(world.folder, `cache-${kind}`) });
      proxy.plan(kind, 'GET', /read/);
      assert.deepEqual(await readFile(await fresh.localPath('t/read.parquet')), content, kind);
    }
  });

  it('gives up a read of a server that stays away, as something to try again', async () => {
    const store = await through();
    proxy.rates = { refused: 1 };
    try {
      const error = await failure(store.stat('t/any'));
      assert.deepEqual([error.code, error.disposition], ['WEIR_SINK_STORE_UNAVAILABLE', 'retry']);
    } finally {
      proxy.rates = {};
    }
  });

  it('goes on after the server was killed and started again on its data', async () => {
    const store = await world.open();
    await store.createBytes('t/before', bytes('x'), {});
    await world.server.kill();
    assert.equal((await failure(store.createBytes('t/away', bytes('x'), {}))).disposition, 'retry');
    await world.server.start();
    await store.createBytes('t/away', bytes('x'), {});
    assert.equal((await failure(store.createBytes('t/before', bytes('y'), {}))).code, 'WEIR_SINK_EXISTS');
  });

  it('names a bucket that is not there', async () => {
    const error = await failure(world.open({ uri: 's3://no-such-bucket/lake' }));
    assert.deepEqual([error.code, error.disposition, error.exit], ['WEIR_SINK_STORE_MISSING', 'fatal', 3]);
    assert.match(error.message, /no bucket no-such-bucket/);
    assert.equal((await failure(world.read({ uri: 's3://no-such-bucket' }).list(''))).code, 'WEIR_SINK_STORE_MISSING');
  });

  it('names bucket and action where the credentials do not reach, and prints none of them', async () => {
    const secret = process.env['AWS_SECRET_ACCESS_KEY']!;
    process.env['AWS_SECRET_ACCESS_KEY'] = 'wrongwrongwrongwrong';
    try {
      const error = await failure(world.open());
      assert.deepEqual([error.code, error.disposition], ['WEIR_SINK_STORE_RIGHTS', 'fatal']);
      assert.match(error.message, /s3:PutObject on bucket weir-test/);
      assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /wrongwrong|Signature=|AWS4-HMAC/);
    } finally {
      process.env['AWS_SECRET_ACCESS_KEY'] = secret;
    }
  });

  it('says how to give credentials where there are none', async () => {
    const before = { ...process.env };
    for (const key of Object.keys(process.env)) if (key.startsWith('AWS_')) delete process.env[key];
    process.env['AWS_EC2_METADATA_DISABLED'] = 'true';
    process.env['AWS_SHARED_CREDENTIALS_FILE'] = join(world.folder, 'none');
    process.env['AWS_CONFIG_FILE'] = join(world.folder, 'none');
    try {
      const error = await failure(world.open());
      assert.deepEqual([error.code, error.disposition], ['WEIR_SINK_STORE_RIGHTS', 'fatal']);
      assert.match(error.message, /no credentials .* AWS_ACCESS_KEY_ID/);
    } finally {
      for (const key of Object.keys(process.env)) if (key.startsWith('AWS_')) delete process.env[key];
      Object.assign(process.env, before);
    }
  });

  it('refuses addresses that are no bucket', () => {
    for (const uri of ['s3://', 's3:///x', 's3://A/x', 's3://ab', 's3://bucket//x', 's3://bucket/../x', 'http://b/x']) {
      assert.throws(() => readS3Store(world.options({ uri })), { code: 'WEIR_CONFIG_INVALID' }, uri);
    }
    assert.equal(readS3Store(world.options({ uri: 's3://bucket/a/b/' })).where, 's3://bucket/a/b');
  });

  it('bounds what is held of the bucket, evicts the least recently asked for, and keeps what a process holds', async () => {
    const cacheDir = join(world.folder, 'small');
    const writer = await world.open();
    for (let i = 0; i < 12; i++) await writer.createBytes(`t/cache/${i}`, Buffer.alloc(100_000, i), {});
    const small = { cacheDir, cacheBytesMax: 500_000 };
    const holder = world.read(small);
    const held = await holder.localPath('t/cache/0');
    for (let i = 1; i < 12; i++) {
      const reader = world.read(small);
      assert.equal((await readFile(await reader.localPath(`t/cache/${i}`)))[99_999], i);
      await reader.close();
      assert.ok((await readdir(join(cacheDir, 'objects'))).length <= 5);
    }
    assert.equal((await readFile(held))[0], 0);
    const greedy = world.read(small);
    const asked = Promise.all(Array.from({ length: 6 }, (_, i) => greedy.localPath(`t/cache/${i}`)));
    const error = await failure(asked);
    assert.equal(error.code, 'WEIR_SINK_CACHE_FULL');
    assert.match(error.message, /lake\.cacheBytes/);
    await greedy.close();
    await holder.close();
    assert.deepEqual(
      (await readdir(join(cacheDir, '_tmp'))).filter((name) => !name.endsWith('.object')),
      [],
    );
  });

  it('reads a copy of the cache without asking the server for its bytes', async () => {
    const first = world.read({ endpoint: proxy.endpoint, cacheDir: join(world.folder, 'shared') });
    await first.localPath('t/read.parquet');
    const second = world.read({ endpoint: proxy.endpoint, cacheDir: join(world.folder, 'shared') });
    await second.list('t/');
    const before = proxy.requests;
    await second.localPath('t/read.parquet');
    assert.equal(proxy.requests, before);
  });

  it('tells when an object was replaced behind its back', async () => {
    const store = await world.open({ cacheDir: join(world.folder, 'replaced') });
    await store.createBytes('t/replaced', bytes('one'), {});
    await store.list('t/');
    const client = await world.server.client();
    await client.send(new DeleteObjectCommand({ Bucket: world.bucket, Key: 'lake/t/replaced' }));
    await client.send(new PutObjectCommand({ Bucket: world.bucket, Key: 'lake/t/replaced', Body: 'two' }));
    assert.equal((await failure(store.localPath('t/replaced'))).code, 'WEIR_SINK_OBJECT_INVALID');
    assert.equal(await readFile(await store.localPath('t/replaced'), 'utf8'), 'two');
  });
});

describe('an S3 server that does not know the condition', () => {
  it('is refused at the start', async () => {
    const held = new Map<string, Buffer>();
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (request.method === 'PUT') held.set(request.url!, Buffer.concat(chunks));
        response.end(request.method === 'GET' ? held.get(request.url!.split('?')[0]!) : undefined);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const world = await S3World.start();
    try {
      const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const error = await failure(openS3Store(world.options({ endpoint })));
      assert.deepEqual([error.code, error.disposition, error.exit], ['WEIR_SINK_STORE_CONDITION', 'fatal', 3]);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await world.stop();
    }
  });
});
