/**
 * npm run bench [-- NAME ...] [--smoke] [--json FILE] [--page]: every benchmark in a process of its own, one after
 * another; figures beside their goals. --page writes this run's sections of docs/reference/benchmarks.md.
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { BENCHMARKS } from './benchmarks.ts';
import { calibrate, type Environment, environment, isMet, ROOT, type Size } from './harness.ts';
import { benchmarkPage, formatFigure, type Report } from './page.ts';

const PAGE = join(ROOT, 'docs', 'reference', 'benchmarks.md');

interface Run {
  readonly environment: Environment;
  readonly reports: readonly Report[];
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** In this process: one benchmark, its report as JSON on descriptor 3. */
async function runHere(name: string, size: Size): Promise<void> {
  const benchmark = BENCHMARKS.find((candidate) => candidate.name === name);
  if (benchmark === undefined) throw new Error(`no benchmark ${name}`);
  const refusal = benchmark.refusal?.() ?? null;
  const calibration = await calibrate(size);
  const outcome = refusal === null ? await benchmark.run(size) : { figures: [], hash: '' };
  const report: Report = { name, what: benchmark.what, refusal, calibration, ...outcome };
  writeFileSync(3, JSON.stringify(report));
}

function runApart(name: string, size: Size): Promise<Report | null> {
  const args = [
    ...process.execArgv,
    fileURLToPath(import.meta.url),
    '--here',
    name,
    ...(size === 'smoke' ? ['--smoke'] : []),
  ];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] });
  let text = '';
  child.stdio[3]!.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve(status === 0 ? (JSON.parse(text) as Report) : null));
  });
}

async function main(): Promise<number> {
  const options = {
    here: { type: 'string' },
    smoke: { type: 'boolean' },
    json: { type: 'string' },
    page: { type: 'boolean' },
  } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const size: Size = values.smoke === true ? 'smoke' : 'full';
  if (values.here !== undefined) {
    await runHere(values.here, size);
    return 0;
  }
  const unknown = positionals.filter((name) => !BENCHMARKS.some((benchmark) => benchmark.name === name));
  if (unknown.length > 0) {
    process.stderr.write(
      `no benchmark ${unknown.join(', ')}; there are ${BENCHMARKS.map(({ name }) => name).join(', ')}\n`,
    );
    return 2;
  }
  const load = loadavg()[0]!.toFixed(1);
  const wanted = BENCHMARKS.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  const reports: Report[] = [];
  let broken = 0;
  for (const { name, what } of wanted) {
    say(`\n== ${name}: ${what}`);
    const report = await runApart(name, size);
    if (report === null) {
      broken++;
      say(`${name} failed`);
      continue;
    }
    reports.push(report);
    if (report.refusal !== null) say(`left out: ${report.refusal}`);
    for (const figure of report.figures) say(formatFigure(figure, size));
    say(
      `calibration ${report.calibration.toFixed(0)} M iterations a CPU-second${report.hash === '' ? '' : `, results ${report.hash}`}`,
    );
  }
  const run: Run = { environment: environment(load), reports };
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(run, null, 2)}\n`);
  if (values.page === true) {
    const names = BENCHMARKS.map(({ name }) => name);
    writeFileSync(PAGE, benchmarkPage(run.environment, reports, names, readFileSync(PAGE, 'utf8')));
  }
  const missed = reports.flatMap(({ figures }) => figures).filter((figure) => isMet(figure) === false);
  if (size === 'full') say(`\n${missed.length === 0 ? 'every goal is met' : `${missed.length} goals are missed`}`);
  return broken === 0 ? 0 : 1;
}

process.exitCode = await main();
