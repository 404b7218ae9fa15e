/** One address goes from a workload of one node to a workload of the other, while it is called all the time. */
import { appendFileSync } from 'node:fs';
import { announceAddress, type Fleet, giveAddress, takeAddress } from './fleet.ts';
import { MOVED_ADDRESS, MOVED_FROM, MOVED_TO } from './fleet-plan.ts';
import { truthLine } from './truth.ts';

/** Before any demo and after it. */
const ALWAYS_US = 0;
const FOREVER_US: number = Number.MAX_SAFE_INTEGER;

const nowUs = (): number => Math.round((performance.timeOrigin + performance.now()) * 1000);

/** Take it, wait until `give`, give it; what was true when goes into the truth. WEIR_DEMO_FAILED. */
export async function handOver(fleet: Fleet, truthFile: string, give: () => Promise<void>): Promise<void> {
  const takenEarliestUs = nowUs();
  await takeAddress(fleet);
  const takenUs = nowUs();
  await give();
  const givenEarliestUs = nowUs();
  await giveAddress(fleet);
  const givenUs = nowUs();
  await announceAddress(fleet);
  const of = (holder: string, span: readonly [number, number, number, number]): string => {
    const [fromEarliestUs, fromUs, toUs, toLatestUs] = span;
    return truthLine({ holder, address: MOVED_ADDRESS, fromEarliestUs, fromUs, toUs, toLatestUs });
  };
  const before = of(MOVED_FROM, [ALWAYS_US, ALWAYS_US, takenEarliestUs, takenUs]);
  const after = of(MOVED_TO, [givenEarliestUs, givenUs, FOREVER_US, FOREVER_US]);
  appendFileSync(truthFile, before + after);
}
