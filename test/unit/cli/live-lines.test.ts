import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockText, figuresOf, liveBlock, liveLine } from '../../../cli/live-lines.ts';
import { MeterRegistry } from '../../../contract/meter-registry.ts';

const filled = (): MeterRegistry => {
  const meter = new MeterRegistry();
  meter.add('weir_sidecar_flows_in_total', 1500);
  meter.add('weir_sidecar_flows_dropped_total', 5, { reason: 'ring_full', intentional: 'false' });
  meter.add('weir_sink_flows_dropped_total', 5, { reason: 'ring_full', intentional: 'false' });
  meter.add('weir_sink_flows_dropped_total', 70, { reason: 'left_in_the_log', intentional: 'true' });
  meter.add('weir_sink_flows_out_total', 1200);
  meter.set('weir_sidecar_flows_held', 95);
  meter.set('weir_enricher_flows_held', 200);
  meter.add('weir_enricher_ends_total', 300, { method: 'local' });
  meter.add('weir_enricher_ends_total', 100, { method: 'none' });
  meter.add('weir_enricher_ends_unattributed_total', 100, { reason: 'no_claim' });
  return meter;
};

test('the figures are the sums that the stages reported; a loss counts once, where it ends', () => {
  const figures = figuresOf(filled(), 10_000);
  assert.equal(figures.captured, 1500);
  assert.equal(figures.stored, 1200);
  assert.equal(figures.lost, 5);
  assert.equal(figures.endsNamed, 300);
  assert.equal(figures.endsUnnamed, 100);
});

test('rates are over the time since the last drawing', () => {
  const before = figuresOf(new MeterRegistry(), 9_000);
  const now = figuresOf(filled(), 10_000);
  assert.match(liveLine(now, before), /^00:00:10 captured 1500 \(1,500\/s\) stored 1200 lost 5 held 295 named 75\.0 %/);
  assert.match(liveLine(now, null), /\(150\/s\)/);
});

test('the block fits 80 columns even with large figures', () => {
  const meter = filled();
  meter.add('weir_sidecar_flows_in_total', 987_654_321);
  meter.add('weir_sink_flows_out_total', 987_654_321);
  for (const line of liveBlock(figuresOf(meter, 360_000_000), null, 'weir run on a-host')) {
    assert.ok(line.length <= 80, line);
  }
  assert.equal(clockText(3_661_000), '01:01:01');
});
