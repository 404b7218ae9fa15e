/**
 * Where the lives of reporters end. A claim that is open when its reporter's life ends was held for certain until the last
 * `as_of` of that life, and no longer. The chain's marks keep that moment of every life, so that whoever writes the next
 * object knows it: `life:<interval>:<cluster>/<reporter>/<epoch>`, or `silent:…` once it said nothing for three intervals.
 * Marks hold (as_of, last append time). Pure.
 */
import { OwnershipKind } from '../schemas/generated/common.ts';
import type { OwnershipMessage } from '../schemas/generated/ownership-v1.ts';
import type { StreamState } from '../schemas/objects.ts';

export type LifeMessage = Pick<
  OwnershipMessage,
  'cluster' | 'network' | 'reporter' | 'epoch' | 'kind' | 'asOfUs' | 'intervalMs'
>;

export interface LifeEvent {
  readonly network: string;
  readonly reporter: string;
  readonly epoch: string;
  readonly atUs: number;
  /** Until when its open claims were held; -1: it was silent and goes on. */
  readonly untilUs: number;
}

const LIFE = 'life:';
const SILENT = 'silent:';
/** As the enricher: who says nothing for so many intervals is not live. */
const INTERVALS_SILENT = 3;
const INTERVAL_MS_MIN = 1000;

interface Life {
  readonly intervalMs: number;
  readonly cluster: string;
  readonly network: string;
  readonly reporter: string;
  readonly epoch: string;
}

const nameOf = (kind: string, { intervalMs, cluster, network, reporter, epoch }: Life): string =>
  `${kind}${JSON.stringify([intervalMs, cluster, network, reporter, epoch])}`;

function lifeOf(mark: string): Life {
  const [intervalMs, cluster, network, reporter, epoch] = JSON.parse(mark.slice(mark.indexOf(':') + 1));
  return { intervalMs, cluster, network, reporter, epoch };
}

const eventOf = ({ network, reporter, epoch }: Life, atUs: number, untilUs: number): LifeEvent => ({
  network,
  reporter,
  epoch,
  atUs,
  untilUs,
});

/** Fold one message into the marks. `isNew`: the first of its epoch. Returns the lives that ended, or went on. */
export function foldLife(
  marks: Map<string, StreamState>,
  message: LifeMessage,
  isNew: boolean,
  appendMs: number,
): readonly LifeEvent[] {
  const events: LifeEvent[] = [];
  const own = nameOf(LIFE, message);
  const silent = nameOf(SILENT, message);
  const before = marks.get(own);
  const wasSilent = marks.delete(silent);
  if (isNew) endOthers(marks, message, events);
  endSilent(marks, own, appendMs, events);
  // A process that was thought dead and sends the rest of an ended life begins nothing.
  if (!isNew && before === undefined && !wasSilent) return events;
  const asOfUs = Math.max(before?.next ?? 0, message.asOfUs);
  if (wasSilent) events.push(eventOf(message, asOfUs, -1));
  if (message.kind === OwnershipKind.goodbye) {
    marks.delete(own);
    events.push(eventOf(message, asOfUs, asOfUs));
  } else {
    marks.set(own, { next: asOfUs, lastMs: Math.max(before?.lastMs ?? 0, appendMs) });
  }
  return events;
}

/** A new life of a reporter ends its others. One that was silent has ended in the table already. */
function endOthers(marks: Map<string, StreamState>, message: LifeMessage, events: LifeEvent[]): void {
  for (const [name, { next }] of marks) {
    const isSilent = name.startsWith(SILENT);
    if (!isSilent && !name.startsWith(LIFE)) continue;
    const life = lifeOf(name);
    if (life.cluster !== message.cluster || life.reporter !== message.reporter) continue;
    marks.delete(name);
    if (!isSilent) events.push(eventOf(life, next, next));
  }
}

function endSilent(marks: Map<string, StreamState>, own: string, appendMs: number, events: LifeEvent[]): void {
  for (const [name, state] of marks) {
    if (name === own || !name.startsWith(LIFE)) continue;
    // The name begins with the interval: to parse each whole, with every message, would cost.
    const intervalMs = Math.max(INTERVAL_MS_MIN, Number.parseInt(name.slice(LIFE.length + 1), 10));
    if (appendMs - state.lastMs < INTERVALS_SILENT * intervalMs) continue;
    const life = lifeOf(name);
    marks.delete(name);
    marks.set(nameOf(SILENT, life), state);
    events.push(eventOf(life, state.next, state.next));
  }
}
