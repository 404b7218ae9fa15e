import type { HookReport } from '../../sidecar/capture-probe.ts';
import { choiceFlag, type Command, type Invocation, type Status } from '../command.ts';
import { FORMATS, printLine, printRows } from '../output.ts';

export const command: Command = {
  usage: `weir doctor: what this machine allows, hook by hook, and what a missing one costs

The programs are loaded and attached for a few milliseconds; nothing is left behind.

USAGE
  weir doctor [--sidecar-cgroup PATH]

FLAGS
  --format table|json|csv  default table

EXIT STATUS
  0 everything works, 1 something is missing

EXAMPLES
  weir doctor
  sudo npx weir doctor --format json
`,
  options: { format: { type: 'string' } },
  sections: ['sidecar'],
  run,
};

async function run(invocation: Invocation): Promise<Status> {
  const format = choiceFlag(invocation, 'format', FORMATS);
  const cgroup = invocation.config['sidecar.cgroup'];
  const { probeCapture } = await import('../../sidecar/capture-probe.ts');
  const reports = probeCapture(cgroup === '' ? undefined : cgroup);
  if (format === 'table') for (const report of reports) for (const line of linesOf(report)) printLine(line);
  else {
    const rows = reports.map(({ name, works, needed, why, cost, mend }) => [name, works, needed, why, cost, mend]);
    printRows(['hook', 'works', 'needed', 'why', 'cost', 'mend'], rows, format);
  }
  if (format === 'table') printLine(verdict(reports));
  return reports.every(({ works }) => works) ? 0 : 1;
}

function linesOf({ name, works, needed, why, cost, mend }: HookReport): string[] {
  if (works) return [`ok       ${name}`];
  const lines = [`${needed ? 'MISSING' : 'missing'}  ${name}: ${why}`, `         ${cost}`];
  return mend === '' ? lines : [...lines, `         mend: ${mend}`];
}

function verdict(reports: readonly HookReport[]): string {
  const missing = reports.filter(({ works }) => !works);
  if (missing.length === 0) return 'Everything that capture uses works here.';
  if (missing.some(({ needed }) => needed))
    return 'No capture on this machine as it is; a recording can be played: weir run --source recording:FILE';
  return 'Capture works; what is missing costs what stands beside it.';
}
