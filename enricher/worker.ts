/** A worker of the pool: its own replica of the ownership history, fed by the update log, and the join. */
import { move, transferableSymbol, valueSymbol, workerData } from 'piscina';
import { fromUnknown } from '../contract/errors.ts';
import { Enricher, type RawInput } from './enrich.ts';
import { type GeoMemory, GeoTable } from './geo/geo-table.ts';
import { OwnershipHistory } from './ownership/history.ts';
import { isWorthALook } from './ready.ts';
import { type EnrichTask, SLOT_BYTES, type Task, type TaskResult, type WorkerSetup } from './task.ts';
import { UpdateLogReader } from './update-log.ts';

const setup = workerData as WorkerSetup;
const history = new OwnershipHistory(setup.history);
const enricher = new Enricher(history, setup.externalAddresses);
const updates = new UpdateLogReader(setup.updates);
const slots = new Uint8Array(setup.slots);
/** Of the table of places that is in use, 0: none. */
let geoVersion = 0;
const claims = { applied: 0, refused: 0, fault: '', next: 0 };

/** Piscina's entry: one task at a time. Results own their buffers, which are moved and not copied. */
export default function run(task: Task): unknown {
  const position = task.kind === 'look' ? task.ownershipNext : task.provenance.ownershipNext;
  updates.applyBelow(position, apply);
  const base = { stale: claims.next > position, result: null, changed: false, claims: { ...claims } };
  if (base.stale) return answer(base, []);
  if (task.kind === 'look') return answer({ ...base, changed: isWorthALook(history, task.needs) }, []);
  useGeo(task.geo);
  const result = enricher.enrich(inputs(task), task.provenance);
  return answer(
    { ...base, result },
    result.enriched.map(({ bytes }) => bytes.buffer),
  );
}

function useGeo(memory: GeoMemory | null): void {
  if ((memory?.version ?? 0) === geoVersion) return;
  geoVersion = memory?.version ?? 0;
  enricher.setGeo(memory === null ? null : new GeoTable(memory));
}

function inputs(task: EnrichTask): RawInput[] {
  // A copy of the slot: readers of strings want memory that nobody else can write.
  const base = task.slot * SLOT_BYTES;
  return task.messages.map(({ from, bytes, ...message }) => {
    return { ...message, value: slots.slice(base + from, base + from + bytes) };
  });
}

function apply(offset: number, appendMs: number, bytes: Uint8Array): void {
  claims.next = offset + 1;
  try {
    const applied = history.applyBytes(bytes, appendMs);
    claims.applied += applied.claims;
    claims.refused += applied.refused;
    if (applied.fault !== null) claims.fault = `message ${offset}: ${applied.fault}`;
  } catch (cause) {
    const error = fromUnknown(cause, 'WEIR_INTERNAL', `ownership message ${offset}`);
    if (error.disposition !== 'drop') throw error;
    claims.refused += 1;
    claims.fault = `message ${offset}: ${error.code} ${error.message}`;
  }
}

function answer(result: TaskResult, buffers: ArrayBuffer[]): unknown {
  return move({ [transferableSymbol]: buffers, [valueSymbol]: result });
}

/** Between tasks: keep up with the log, so that a task does not find a ring full of it. */
async function idle(): Promise<never> {
  for (;;) {
    const seen = updates.ticket();
    updates.applyAllowed(apply);
    await updates.grown(seen);
  }
}

void idle();
