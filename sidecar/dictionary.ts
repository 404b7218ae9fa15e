/** The dictionaries of one batch: workloads and processes, numbered in the order of the rows that name them. */
import { Report, type Process, type Workload } from '../schemas/generated/common.ts';
import { NO_OWNER, type CapturedColumns } from './captured-columns.ts';
import { commText } from './decode.ts';
import type { OwnerTable } from './owners.ts';

export interface Dictionaries {
  readonly workloads: readonly Workload[];
  readonly processes: readonly Process[];
}

const EMPTY = -1;

/** Fill localWorkload, remoteWorkload and process of the first `rows` rows. Allocates per entry, not per row. */
export function fillDictionaries(columns: CapturedColumns, rows: number, owners: OwnerTable): Dictionaries {
  const workloads: Workload[] = [];
  const ofOwner = new Int32Array(owners.size).fill(EMPTY);
  const index = (owner: number): number => {
    if (owner === NO_OWNER) return EMPTY;
    if (ofOwner[owner] === EMPTY) ofOwner[owner] = workloads.push(owners.get(owner).workload) - 1;
    return ofOwner[owner]!;
  };
  for (let row = 0; row < rows; row++) {
    columns.localWorkload[row] = index(columns.owner[row]!);
    columns.remoteWorkload[row] = index(columns.partner[row]!);
  }
  return { workloads, processes: fillProcesses(columns, rows, owners) };
}

/** Rows of one process are told apart by pid, user, name and owner, over an index of typed arrays. */
function fillProcesses(columns: CapturedColumns, rows: number, owners: OwnerTable): Process[] {
  const { pid, userId, comm, owner, process } = columns;
  const processes: Process[] = [];
  const words = new Int32Array(comm.buffer, comm.byteOffset, comm.length >> 2);
  let slots = 64;
  while (slots < 2 * rows) slots *= 2;
  /** A row that named the process first. */
  const table = new Int32Array(slots).fill(EMPTY);
  for (let row = 0; row < rows; row++) {
    if (columns.report[row] === Report.merged) {
      process[row] = EMPTY;
      continue;
    }
    const c = 4 * row;
    let h = Math.imul(pid[row]! ^ Math.imul(words[c]! ^ Math.imul(words[c + 1]!, 31), 0x85ebca6b), 0xc2b2ae35);
    h ^= Math.imul(userId[row]! ^ (owner[row]! << 8), 0x27d4eb2f);
    let slot = (h ^ (h >>> 15)) & (slots - 1);
    for (;;) {
      const first = table[slot]!;
      if (first === EMPTY) {
        table[slot] = row;
        process[row] = processes.push(processOf(columns, row, owners)) - 1;
        break;
      }
      const f = 4 * first;
      const same =
        pid[first] === pid[row] &&
        userId[first] === userId[row] &&
        owner[first] === owner[row] &&
        words[f] === words[c] &&
        words[f + 1] === words[c + 1] &&
        words[f + 2] === words[c + 2] &&
        words[f + 3] === words[c + 3];
      if (same) {
        process[row] = process[first]!;
        break;
      }
      slot = (slot + 1) & (slots - 1);
    }
  }
  return processes;
}

function processOf(columns: CapturedColumns, row: number, owners: OwnerTable): Process {
  const owner = columns.owner[row]!;
  return {
    name: commText(columns.comm, 16 * row),
    pid: columns.pid[row]!,
    userId: columns.userId[row]!,
    containerId: owner === NO_OWNER ? '' : owners.get(owner).containerId,
  };
}
