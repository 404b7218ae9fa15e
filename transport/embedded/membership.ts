/** Membership of a group in the embedded log: every member is given every partition, there is no balancing. */
import type { Assignment, Membership } from '../log.ts';

/**
 * Start `run` for each assignment. `done` rejects with the first error of a run (the others go on until `leave`).
 * `failed` is told of every error, because nobody need be looking at `done`.
 */
export function startMembership(
  assignments: readonly Omit<Assignment, 'signal'>[],
  run: (assignment: Assignment) => Promise<void>,
  failed: (error: unknown) => void,
  left: (membership: Membership) => void,
): Membership {
  const abort = new AbortController();
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  // Also what marks the rejection as handled: an unwatched `done` must not end the process.
  done.catch(failed);
  let hasFailed = false;
  const runs = assignments.map(async (assignment) => {
    try {
      await run({ ...assignment, signal: abort.signal });
    } catch (error) {
      if (hasFailed) failed(error);
      hasFailed = true;
      reject(error);
    }
  });
  const membership: Membership = {
    done,
    leave: async () => {
      abort.abort();
      await Promise.all(runs);
      resolve();
      left(membership);
    },
  };
  return membership;
}
