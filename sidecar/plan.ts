/**
 * The plan of a stream: which stretch of the ring each unacknowledged batch covers, and under which numbers. It is written
 * beside the pinned ring before a batch is sent, so that the next process sends the same flows under the same numbers,
 * however it words them. Pure.
 *
 * Layout, little-endian doubles: version, partition, turn, seq, next, position, told, batches;
 * a batch: end, rows, losses; a loss: kind, flows, from, to. Version 1 had no turn: it was 0.
 */
import { WeirError } from '../contract/errors.ts';
import type { Loss } from '../schemas/generated/common.ts';

export interface PlannedBatch {
  /** Ring position after its last record; it begins where the one before it ends. */
  readonly end: number;
  /** Records of the stretch that are flows: as many rows, or fewer that stand for as many. */
  readonly rows: number;
  readonly losses: readonly Loss[];
}

export interface Plan {
  readonly partition: number;
  /** Streams of this ring before this one: each went to another partition. */
  readonly turn: number;
  /** Of the first batch here, or of the next one to come. */
  readonly seq: number;
  /** Flow numbers given out before it. */
  readonly next: number;
  /** Where its stretch of the ring begins; what lies before is delivered, or was given up to memory. */
  readonly position: number;
  /** Drops of the kernel that were told before it. */
  readonly told: number;
  readonly batches: readonly PlannedBatch[];
}

/** Unacknowledged batches that the page beside the ring has room for. */
export const PLAN_BATCHES_MAX = 32;

const VERSION = 2;
const HEAD_WORDS = 8;
const BATCH_WORDS = 3;
const LOSS_WORDS = 4;
/** What a sidecar tells of; the position is the number on the page. */
const LOSS_KINDS: readonly (readonly [stage: string, reason: string])[] = [
  ['kernel', 'ring_full'],
  ['sidecar', 'record_invalid'],
  ['sidecar', 'overload'],
];

/** Bytes that a plan takes at most: the journal holds 4,032. */
export const PLAN_BYTES_MAX: number =
  8 * (HEAD_WORDS + PLAN_BATCHES_MAX * (BATCH_WORDS + LOSS_KINDS.length * LOSS_WORDS));

export function encodePlan(plan: Plan): Uint8Array {
  const { partition, turn, seq, next, position, told } = plan;
  const words: number[] = [VERSION, partition, turn, seq, next, position, told, plan.batches.length];
  for (const { end, rows, losses } of plan.batches) {
    words.push(end, rows, losses.length);
    for (const loss of losses) {
      const kind = LOSS_KINDS.findIndex(([stage, reason]) => stage === loss.stage && reason === loss.reason);
      if (kind < 0) throw new RangeError(`no place in a plan for a loss by ${loss.stage}/${loss.reason}`);
      words.push(kind, loss.flows, loss.intervalStartUs, loss.intervalEndUs);
    }
  }
  if (plan.batches.length > PLAN_BATCHES_MAX) throw new RangeError(`${plan.batches.length} batches in a plan`);
  const bytes = new Uint8Array(8 * words.length);
  const view = new DataView(bytes.buffer);
  words.forEach((word, i) => view.setFloat64(8 * i, word, true));
  return bytes;
}

/** null: nothing was written yet. Fails: WEIR_SIDECAR_LOAD_FAILED when it is another version's, or damaged. */
export function decodePlan(bytes: Uint8Array): Plan | null {
  if (bytes.length === 0) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const take = (): number => {
    const word = at + 8 <= bytes.length ? view.getFloat64(at, true) : -1;
    at += 8;
    if (word < 0 || !Number.isFinite(word)) throw damaged();
    return word;
  };
  const version = take();
  if (version !== 1 && version !== VERSION) throw ofVersion(version);
  const [partition, turn] = [take(), version === 1 ? 0 : take()];
  const [seq, next, position, told, count] = [take(), take(), take(), take(), take()];
  const batches: PlannedBatch[] = [];
  while (batches.length < count) {
    const [end, rows, losses] = [take(), take(), take()];
    batches.push({ end, rows, losses: Array.from({ length: Math.min(losses, LOSS_KINDS.length) }, () => loss(take)) });
  }
  if (at !== bytes.length) throw damaged();
  return { partition, turn, seq, next, position, told, batches };
}

function loss(take: () => number): Loss {
  const [kind, flows, intervalStartUs, intervalEndUs] = [take(), take(), take(), take()];
  const known = LOSS_KINDS[kind];
  if (known === undefined) throw damaged();
  return { stage: known[0], reason: known[1], flows, intervalStartUs, intervalEndUs, intentional: false };
}

function ofVersion(version: number): WeirError {
  const message = `the plan beside the pinned ring is of version ${version}, this Weir reads ${VERSION}: end that capture with the Weir that began it (weir sidecar --replace), or give it up with weir sidecar --detach`;
  return new WeirError('WEIR_SIDECAR_LOAD_FAILED', message, { version });
}

function damaged(): WeirError {
  const message = 'the plan beside the pinned ring cannot be read: weir sidecar --detach gives that capture up';
  return new WeirError('WEIR_SIDECAR_LOAD_FAILED', message);
}

/** Kernel drops among losses. */
export function dropsIn(losses: readonly Loss[]): number {
  return losses.reduce((sum, { stage, flows }) => sum + (stage === 'kernel' ? flows : 0), 0);
}
