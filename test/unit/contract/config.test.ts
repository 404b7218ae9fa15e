import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  commandLayer,
  compileConfig,
  describeConfig,
  envLayer,
  fileLayer,
  flagLayer,
  nearest,
} from '../../../contract/config.ts';
import { WeirError } from '../../../contract/errors.ts';

const refused = (code: string, words: readonly string[], run: () => unknown): void => {
  assert.throws(run, (error) => {
    assert.ok(error instanceof WeirError);
    assert.equal(error.code, code);
    for (const word of words) assert.ok(error.message.includes(word), `"${word}" in: ${error.message}`);
    return true;
  });
};

test('without layers every key has its default and the network is the cluster', () => {
  const config = compileConfig([]);
  assert.equal(config['lake.flushAge'], 30_000);
  assert.equal(config['sidecar.ringBytes'], 4 * 1024 * 1024);
  assert.equal(config.network, 'local');
  assert.equal(Object.isFrozen(config), true);
});

test('file, environment and flags override each other in this order', () => {
  const file = fileLayer({ lake: { flushAge: '10s', flushRows: 5 }, cluster: 'east' }, 'weir.yaml');
  const env = envLayer({ WEIR_LAKE_FLUSH_AGE: '20s', WEIR_SIDECAR_NODE: 'n1', PATH: '/bin' });
  const flags = flagLayer({ 'lake-flush-age': '40s' });
  const config = compileConfig([commandLayer({ 'lake.flushAge': 2000, 'log.level': 'warn' }), file, env, flags]);
  assert.equal(config['lake.flushAge'], 40_000);
  assert.equal(config['lake.flushRows'], 5);
  assert.equal(config['sidecar.node'], 'n1');
  assert.equal(config.network, 'east');
  assert.equal(config['log.level'], 'warn');
});

test('a command has other defaults, and anything else wins over them', () => {
  const run = commandLayer({ 'lake.flushAge': 2000, 'lake.pathStyle': true, 'enricher.labels': ['app'] });
  assert.equal(compileConfig([run])['lake.flushAge'], 2000);
  assert.deepEqual(compileConfig([run])['enricher.labels'], ['app']);
  assert.equal(compileConfig([run, fileLayer({ 'lake.flushAge': '3s' }, 'f')])['lake.flushAge'], 3000);
});

test('an unknown key names the nearest one, wherever it comes from', () => {
  refused('WEIR_CONFIG_UNKNOWN_KEY', ['weir.yaml: lake.flushage', 'lake.flushAge'], () =>
    fileLayer({ lake: { flushage: '1s' } }, 'weir.yaml'),
  );
  refused('WEIR_CONFIG_UNKNOWN_KEY', ['clutser', 'cluster'], () => fileLayer({ clutser: 'a' }, 'weir.yaml'));
  refused('WEIR_CONFIG_UNKNOWN_KEY', ['WEIR_LAKE_FLUSHAGE', 'WEIR_LAKE_FLUSH_AGE'], () =>
    envLayer({ WEIR_LAKE_FLUSHAGE: '1s' }),
  );
  assert.equal(nearest('flush', ['lake', 'flash']), 'flash');
});

test('variables that Kubernetes makes for a Service called weir-sidecar are not taken for keys', () => {
  const env = envLayer({ WEIR_SIDECAR_SERVICE_HOST: '10.0.0.1', WEIR_SIDECAR_PORT_9464_TCP: 'tcp://10.0.0.1:9464' });
  assert.equal(env.values.size, 0);
});

test('a wrong type or range names the key as it was written, the value, and what is allowed', () => {
  const cases: readonly [object, readonly string[]][] = [
    [{ 'lake.flushAge': 30 }, ['weir.yaml: lake.flushAge is 30', 'a duration such as 30s', 'from 100ms to 1h']],
    [{ 'lake.flushAge': '2h' }, ['"2h"', 'to 1h']],
    [{ 'lake.flushRows': 'many' }, ['"many"', 'a whole number from 1 to 10000000']],
    [{ 'lake.flushRows': 1.5 }, ['1.5', 'a whole number']],
    [{ 'lake.format': 'csv' }, ['"csv"', 'parquet, avro']],
    [{ 'lake.pathStyle': 'yes' }, ['"yes"', 'true or false']],
    [{ 'sidecar.ringBytes': '3MiB' }, ['a power of two']],
    [{ 'sidecar.ringBytes': '1KiB' }, ['from 64KiB to 1GiB']],
    [{ 'transport.brokers': ['a'] }, ['["a"]', 'host:port']],
    [{ 'metrics.listen': '9464' }, ['address:port, or off']],
    [{ 'metrics.listen': '127.0.0.1:65536' }, ['address:port, or off']],
    [{ lake: { flushAge: null } }, ['null', 'a duration']],
    [{ cluster: 'a b' }, ['"a b"', 'letters, digits']],
  ];
  for (const [document, words] of cases) {
    refused('WEIR_CONFIG_INVALID', words, () => compileConfig([fileLayer(document, 'weir.yaml')]));
  }
  refused('WEIR_CONFIG_INVALID', ['WEIR_LAKE_FLUSH_ROWS is "x"'], () =>
    compileConfig([envLayer({ WEIR_LAKE_FLUSH_ROWS: 'x' })]),
  );
  refused('WEIR_CONFIG_INVALID', ['--lake-format is "x"'], () => compileConfig([flagLayer({ 'lake-format': 'x' })]));
  refused('WEIR_CONFIG_INVALID', ['weir.yaml', 'mapping'], () => fileLayer(['a'], 'weir.yaml'));
  refused('WEIR_CONFIG_INVALID', ['lake must be a section'], () => fileLayer({ lake: 'here' }, 'weir.yaml'));
  refused('WEIR_CONFIG_INVALID', ['transport.brokers is empty'], () =>
    compileConfig([flagLayer({ 'transport-kind': 'kafka' })]),
  );
});

test('lists come from YAML as lists and from text by commas; an empty section is none', () => {
  const config = compileConfig([
    fileLayer({ enricher: { labels: ['app', 'tier'] }, lake: null }, 'weir.yaml'),
    envLayer({ WEIR_TRANSPORT_BROKERS: 'a:1, b:2,' }),
  ]);
  assert.deepEqual(config['enricher.labels'], ['app', 'tier']);
  assert.deepEqual(config['transport.brokers'], ['a:1', 'b:2']);
});

test('a secret comes from the environment, never from a flag, and is never shown', () => {
  const secret = 'hunter2';
  const config = compileConfig([envLayer({ WEIR_TRANSPORT_SASL_PASSWORD: secret })]);
  assert.equal(config['transport.saslPassword'], secret);
  assert.equal(JSON.stringify(describeConfig(config)).includes(secret), false);
  assert.equal(flagLayer({ 'transport-sasl-password': secret }).values.size, 0);
  assert.throws(
    () => compileConfig([fileLayer({ transport: { saslPassword: [secret] } }, 'f')]),
    (error) => error instanceof WeirError && !error.message.includes(secret),
  );
});
