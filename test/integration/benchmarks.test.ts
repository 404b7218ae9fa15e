/** Every benchmark in its smoke size, so that none rots: it runs, its results are right, and it reports figures. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BENCHMARKS } from '../../benchmarks/benchmarks.ts';
import { environment, Hash, isMet, median } from '../../benchmarks/harness.ts';
import { benchmarkPage, formatFigure, type Report } from '../../benchmarks/page.ts';

const reports: Report[] = [];

for (const benchmark of BENCHMARKS) {
  test(`the benchmark ${benchmark.name} runs, and its results are right`, async () => {
    assert.equal(benchmark.refusal?.() ?? null, null, 'this suite has root and its tools');
    const outcome = await benchmark.run('smoke');
    assert.ok(outcome.figures.length > 0);
    for (const figure of outcome.figures) {
      assert.ok(Number.isFinite(figure.value), formatFigure(figure, 'smoke'));
      assert.ok(figure.value >= 0 || figure.what.includes('capture'), formatFigure(figure, 'smoke'));
    }
    reports.push({ name: benchmark.name, what: benchmark.what, refusal: null, calibration: 1, ...outcome });
  });
}

test('the page has every figure, with its goal and whether it is met', () => {
  const names = BENCHMARKS.map(({ name }) => name);
  const page = benchmarkPage(environment('0.0'), reports, names, '');
  for (const { name, figures } of reports) {
    assert.ok(page.includes(`## ${name}\n`));
    for (const { what } of figures) assert.ok(page.includes(`| ${what} |`), what);
  }
  const goal = { atMost: 2, from: 'the test' };
  const figures = [
    { what: 'slow', value: 3, unit: 'x', goal },
    { what: 'fast', value: 2, unit: 'x', goal },
  ];
  const judged = benchmarkPage(environment('0.0'), [{ ...reports[0]!, figures }], names, page);
  for (const { name } of reports) assert.ok(judged.includes(`## ${name}\n`), 'sections of others stay');
  assert.match(judged, /\| slow \| 3\.00 \| x \| {2}\| at most 2\.00 \(the test\) \| \*\*missed\*\* \|/);
  assert.match(judged, /\| fast .*\| met \|/);
  assert.deepEqual(
    [isMet(figures[0]!), isMet(figures[1]!), isMet({ what: 'no goal', value: 1, unit: 'x' })],
    [false, true, null],
  );
});

test('a median is the middle, and equal results have equal hashes', () => {
  assert.deepEqual([median([3, 1, 2]), median([4, 1, 2, 3])], [2, 2.5]);
  assert.equal(new Hash().add(1).add('a').toString(), new Hash().add('1a').toString());
  assert.notEqual(new Hash().add(1).toString(), new Hash().add(2).toString());
});
