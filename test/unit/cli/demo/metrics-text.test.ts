import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMetrics, totalOf } from '../../../../cli/demo/metrics-text.ts';
import { MeterRegistry } from '../../../../contract/meter-registry.ts';

test('what a stage renders is read back, by name and label', () => {
  const meter = new MeterRegistry();
  meter.add('weir_enricher_ends_total', 5, { method: 'local' });
  meter.add('weir_enricher_ends_total', 2, { method: 'none' });
  meter.set('weir_sink_flows_held', 7);
  const samples = parseMetrics(meter.render());
  assert.equal(totalOf(samples, 'weir_enricher_ends_total'), 7);
  assert.equal(totalOf(samples, 'weir_enricher_ends_total', { method: 'none' }), 2);
  assert.equal(totalOf(samples, 'weir_sink_flows_held'), 7);
  assert.equal(totalOf(samples, 'weir_sidecar_flows_in_total'), 0);
});

test('comments and broken lines are passed over', () => {
  assert.deepEqual(parseMetrics('# HELP a b\n\nnonsense line here\na{x="1"} 3\n'), [
    { name: 'a', labels: { x: '1' }, value: 3 },
  ]);
});
