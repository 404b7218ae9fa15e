/** The ledger as a table: every object that tells losses has its losses object, with the same entries. */
import type { Clock } from '../../contract/clock.ts';
import type { Store, StoredObject } from '../../contract/store.ts';
import { formatLosses, lossesNameOf } from '../../schemas/objects.ts';
import type { Finding } from './finding.ts';
import { readFooter } from './footer.ts';
import type { ListedObject } from './lake-listing.ts';
import type { Link } from './walk.ts';

/** A writer makes the losses object right after its object: how long the last one of a chain is waited for. */
const WAIT_MS = 100;
const WAITS = 5;

export interface LossesInput {
  readonly partition: number;
  readonly links: readonly Link[];
  readonly losses: ReadonlyMap<string, ListedObject>;
}

/** Names that were accounted for are added to `seen`. */
export async function checkLosses(
  store: Store,
  clock: Clock,
  input: LossesInput,
  seen: Set<string>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const { partition, links } = input;
  for (const [index, link] of links.entries()) {
    const name = lossesNameOf(link.object.name);
    seen.add(name);
    const needed = link.facts.losses.length > 0;
    const isLast = index === links.length - 1;
    const object = input.losses.get(name) ?? (needed ? await waitFor(store, clock, name, isLast) : null);
    if (object === null) {
      if (!needed) continue;
      const message = `${link.object.name} tells ${link.facts.losses.length} losses that the table does not show; start the sink, it makes the object anew`;
      findings.push({ code: 'losses_missing', table: 'losses', partition, object: name, message });
      continue;
    }
    const finding = await compare(store, object, link, partition);
    if (finding !== null) findings.push(finding);
  }
  return findings;
}

async function waitFor(store: Store, clock: Clock, name: string, isLast: boolean): Promise<StoredObject | null> {
  for (let wait = 0; ; wait++) {
    const object = await store.stat(name);
    if (object !== null || !isLast || wait === WAITS) return object;
    await clock.sleep(WAIT_MS);
  }
}

async function compare(store: Store, object: StoredObject, link: Link, partition: number): Promise<Finding | null> {
  const at = { table: 'losses', partition, object: object.name } as const;
  const footer = await readFooter(store, object);
  if (footer.kind !== 'facts') {
    return { ...at, code: footer.kind === 'cut' ? 'object_cut' : 'object_invalid', message: footer.why };
  }
  const told = link.facts.losses.length;
  if (footer.rowsCount !== told || footer.facts.rows !== told) {
    return {
      ...at,
      code: 'losses_differ',
      message: `it has ${footer.rowsCount} rows, ${link.object.name} tells ${told} losses`,
    };
  }
  if (formatLosses(footer.facts.losses) !== formatLosses(link.facts.losses)) {
    return { ...at, code: 'losses_differ', message: `its entries are not those of ${link.object.name}` };
  }
  return null;
}

/**
 * Losses objects that belong to no object of a chain.
 * @param listed the flows objects that were listed: one that came later is a writer's at work.
 */
export async function strayLosses(
  store: Store,
  losses: ReadonlyMap<string, ListedObject>,
  seen: ReadonlySet<string>,
  listed: ReadonlySet<string>,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, object] of losses) {
    if (seen.has(name)) continue;
    const owner = `flows/${name.slice('losses/'.length)}`;
    if (!listed.has(owner) && (await store.stat(owner)) !== null) continue;
    const message =
      'it belongs to no object of a flows chain: that one was removed, or this is a copy; queries read its rows';
    findings.push({
      code: 'outside_chain',
      table: 'losses',
      partition: object.parsed.partition,
      object: name,
      message,
    });
  }
  return findings;
}
