/** What top and map share: the window, the order, and the edges of the lake in it. */
import { systemClock } from '../contract/clock.ts';
import { type TopEdge, TOP_ORDERS, type TopOrder, topEdges, WHOLE_LAKE } from '../explore/top.ts';
import { choiceFlag, countFlag, durationFlag, type Invocation } from './command.ts';
import { openReading } from './reading.ts';

const ROWS_DEFAULT = 20;
const ROWS_MAX = 100_000;

/** --data, --last, --by, --limit. WEIR_CLI_USAGE, WEIR_EXPLORE_*. */
export async function readEdges(invocation: Invocation, limitDefault: number = ROWS_DEFAULT): Promise<TopEdge[]> {
  const order = choiceFlag<TopOrder>(invocation, 'by', [TOP_ORDERS[0], ...TOP_ORDERS.slice(1)]);
  const limit = countFlag(invocation, 'limit', ROWS_MAX) ?? limitDefault;
  const lastMs = durationFlag(invocation, 'last');
  const nowMs = systemClock.nowMs();
  const window = lastMs === null ? WHOLE_LAKE : { sinceMs: nowMs - lastMs, untilMs: nowMs + 60_000 };
  const { store, close } = await openReading(invocation);
  try {
    const { openLake } = await import('../explore/lake.ts');
    const lake = await openLake({ store });
    try {
      return await topEdges(lake, window, order, limit);
    } finally {
      lake.close();
    }
  } finally {
    await close();
  }
}
