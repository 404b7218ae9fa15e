/** Several recordings as one, by time: two sidecars of a demo, each with a file of its own. */
import { FRAME, NODES_MAX, type Frame } from './format.ts';
import { readFrames } from './reader.ts';
import type { Recording } from './recording.ts';
import type { RecordingWriter } from './writer.ts';
import { WeirError } from '../../contract/errors.ts';

interface Head {
  readonly frames: Iterator<Frame>;
  readonly nodeOffset: number;
  next: Frame | null;
}

/** Nodes are numbered through, truths follow one another. The caller closes the writer. Errors: WEIR_SIDECAR_RECORDING_INVALID. */
export function mergeRecordings(recordings: readonly Recording[], writer: RecordingWriter): void {
  const heads: Head[] = [];
  let nodeOffset = 0;
  for (const recording of recordings) {
    const head: Head = { frames: readFrames(recording.bytes), nodeOffset, next: null };
    advance(head);
    heads.push(head);
    nodeOffset += Math.max(0, ...recording.nodes.map(({ index }) => index + 1));
  }
  if (nodeOffset > NODES_MAX) {
    throw new WeirError('WEIR_SIDECAR_RECORDING_INVALID', `${nodeOffset} nodes in one recording, at most ${NODES_MAX}`);
  }
  for (let head = earliest(heads); head !== null; head = earliest(heads)) {
    const frame = head.next!;
    writer.frame(frame.kind, frame.kind === FRAME.truth ? 0 : frame.node + head.nodeOffset, frame.atUs, frame.payload);
    advance(head);
  }
}

/** Frames of one recording stay in order; truth is at time 0 and so goes ahead. */
function earliest(heads: readonly Head[]): Head | null {
  let first: Head | null = null;
  for (const head of heads) {
    if (head.next !== null && (first === null || head.next.atUs < first.next!.atUs)) first = head;
  }
  return first;
}

function advance(head: Head): void {
  const step = head.frames.next();
  head.next = step.done === true || step.value.kind === FRAME.end ? null : step.value;
}
