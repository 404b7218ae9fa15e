import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMetricsServer } from '../../../cli/metrics-server.ts';
import { WeirError } from '../../../contract/errors.ts';
import { MeterRegistry } from '../../../contract/meter-registry.ts';

test('metrics, health and readiness are served, and a port in use is named', async () => {
  const meter = new MeterRegistry();
  meter.add('weir_sink_flows_in_total', 5);
  let missing: string | null = 'the log does not answer';
  const server = await startMetricsServer('127.0.0.1:0', meter, () => missing);
  try {
    const get = async (path: string): Promise<[number, string]> => {
      const response = await fetch(`http://${server.address}${path}`);
      return [response.status, await response.text()];
    };
    const [status, text] = await get('/metrics');
    assert.equal(status, 200);
    assert.match(text, /^weir_sink_flows_in_total 5$/m);
    assert.deepEqual(await get('/healthz'), [200, 'ok\n']);
    assert.deepEqual(await get('/readyz'), [503, 'the log does not answer\n']);
    missing = null;
    assert.deepEqual(await get('/readyz'), [200, 'ok\n']);
    assert.equal((await get('/other'))[0], 404);
    await assert.rejects(
      startMetricsServer(server.address ?? '', meter, () => null),
      (error) => {
        assert.ok(error instanceof WeirError && error.code === 'WEIR_METRICS_LISTEN');
        assert.match(error.message, /the port is in use; choose another address, or off/);
        return true;
      },
    );
  } finally {
    await server.close();
  }
});

test('off serves nothing', async () => {
  const server = await startMetricsServer('off', new MeterRegistry(), () => null);
  assert.equal(server.address, null);
  await server.close();
});
