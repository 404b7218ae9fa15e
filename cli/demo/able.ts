/** Whether this machine can show the demo itself: root, ip, tc, eBPF, the traffic program. */
import { type HookReport, probeCapture } from '../../sidecar/capture-probe.ts';
import { findProgram } from './machine.ts';
import { findTraffic } from './workloads.ts';

export interface Missing {
  readonly what: string;
  /** The command or the step that mends it. */
  readonly mend: string;
}

/** What is looked at. */
export interface Facts {
  readonly has: (program: string) => boolean;
  readonly isRoot: boolean;
  readonly hasTraffic: boolean;
  /** Called only where the rest is there: it loads programs for some milliseconds. */
  readonly probe: () => readonly Pick<HookReport, 'name' | 'works' | 'needed' | 'why' | 'mend'>[];
}

/** The first thing that is missing, in the order in which it would be mended; null when nothing is. */
export function firstMissing({ has, isRoot, hasTraffic, probe }: Facts): Missing | null {
  for (const program of ['ip', 'tc']) {
    if (!has(program)) return { what: `${program} is missing`, mend: 'apt-get install iproute2' };
  }
  if (!isRoot) return { what: 'this is not root', mend: 'sudo npx weir demo' };
  if (!hasTraffic) return { what: 'the traffic program is not built', mend: 'npm run setup (needs gcc)' };
  const broken = probe().find(({ needed, works }) => needed && !works);
  if (broken === undefined) return null;
  return { what: `${broken.name}: ${broken.why}`, mend: mendOf(broken.name, broken.mend) };
}

/** Root without rights is root in a container. */
function mendOf(name: string, mend: string): string {
  if (name === 'rights') return 'as root with all capabilities (docker run --privileged)';
  return mend === '' ? 'npx weir doctor tells more' : mend;
}

/** Of this machine and this process. */
export const missingHere = (): Missing | null =>
  firstMissing({
    has: (program) => findProgram(program) !== null,
    isRoot: process.getuid?.() === 0,
    hasTraffic: findTraffic() !== null,
    probe: probeCapture,
  });
