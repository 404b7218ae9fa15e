/** Whether this machine can show the demo itself: root, ip, tc, eBPF, the traffic program. */
import { probeCapture } from '../../sidecar/capture-probe.ts';
import { findProgram } from './machine.ts';
import { findTraffic } from './workloads.ts';

export interface Missing {
  readonly what: string;
  /** The command or the step that mends it. */
  readonly mend: string;
}

/** The first thing that is missing, in the order in which it would be mended; null when nothing is. */
export function missingHere(): Missing | null {
  for (const program of ['ip', 'tc']) {
    if (findProgram(program) === null) return { what: `${program} is missing`, mend: 'apt-get install iproute2' };
  }
  if (process.getuid?.() !== 0) return { what: 'this is not root', mend: 'sudo npx weir demo' };
  if (findTraffic() === null) return { what: 'the traffic program is not built', mend: 'npm run setup (needs gcc)' };
  const broken = probeCapture().find(({ needed, works }) => needed && !works);
  if (broken === undefined) return null;
  return {
    what: `${broken.name}: ${broken.why}`,
    mend: broken.mend === '' ? 'npx weir doctor tells more' : broken.mend,
  };
}
