import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METRIC_ROWS, type MetricName } from '../../../contract/meter.ts';
import { MeterRegistry } from '../../../contract/meter-registry.ts';

test('counters add up and gauges are replaced, by label set', () => {
  const meter = new MeterRegistry();
  meter.add('weir_sink_flows_in_total', 3);
  meter.add('weir_sink_flows_in_total', 4);
  meter.add('weir_sink_flows_dropped_total', 1, { reason: 'batch_lost', intentional: 'false' });
  meter.add('weir_sink_flows_dropped_total', 2, { intentional: 'true', reason: 'overload' });
  meter.set('weir_sink_flows_held', 9);
  meter.set('weir_sink_flows_held', 5);
  assert.equal(meter.total('weir_sink_flows_in_total'), 7);
  assert.equal(meter.total('weir_sink_flows_dropped_total'), 3);
  assert.equal(meter.total('weir_sink_flows_dropped_total', { reason: 'overload' }), 2);
  assert.equal(meter.total('weir_sink_flows_held'), 5);
  assert.equal(meter.total('weir_sink_objects_total'), 0);
});

test('the text is what Prometheus reads: help, type, samples, escaped labels', () => {
  const meter = new MeterRegistry();
  meter.set('weir_build_info', 1, { version: 'a"b\\c\nd' });
  meter.add('weir_sidecar_flows_in_total', 2);
  assert.deepEqual(meter.render().split('\n'), [
    '# HELP weir_build_info Always 1; the version is a label.',
    '# TYPE weir_build_info gauge',
    'weir_build_info{version="a\\"b\\\\c\\nd"} 1',
    '# HELP weir_sidecar_flows_in_total Flow numbers taken from the ring: records and drops.',
    '# TYPE weir_sidecar_flows_in_total counter',
    'weir_sidecar_flows_in_total 2',
    '',
  ]);
});

test('wrong labels, a counter that goes back and a metric of the other type are defects', () => {
  const meter = new MeterRegistry();
  assert.throws(() => meter.add('weir_sink_flows_in_total', -1), RangeError);
  assert.throws(() => meter.add('weir_sink_flows_in_total', Number.NaN), RangeError);
  assert.throws(() => meter.add('weir_sink_flows_in_total', 1, { addr: '10.0.0.1' }), RangeError);
  assert.throws(() => meter.add('weir_sink_flows_dropped_total', 1, { reason: 'x', wrong: 'y' }), RangeError);
  assert.throws(() => meter.set('weir_sink_flows_in_total', 1), RangeError);
  assert.throws(() => meter.add('weir_sink_flows_held', 1), RangeError);
});

test('names follow the grammar: counters end in _total, gauges do not, labels never hold addresses', () => {
  for (const name of Object.keys(METRIC_ROWS) as MetricName[]) {
    const [type, help, ...labels] = METRIC_ROWS[name];
    assert.match(name, /^weir_[a-z_]+$/);
    assert.equal(name.endsWith('_total'), type === 'counter', name);
    assert.match(help, /\.$/, name);
    for (const label of labels) assert.doesNotMatch(label, /addr|workload|pod|node|ip/, name);
  }
});
