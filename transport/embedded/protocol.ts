/**
 * What travels between an embedded log and its worker thread: one request, one reply, matched by number.
 * Everything here survives a structured clone. Bytes are moved, not copied: the sender has copied before.
 */
import type { ErrorCode, ErrorContext } from '../../contract/errors.ts';
import type { PartitionBounds, TopicSpec } from '../log.ts';

/** What the worker is started with. */
export interface WorkerOptions {
  readonly path: string;
  /** A write that finds the file locked by other processes is tried for this long. */
  readonly busyMsMax: number;
}

/** A topic as it is now; brands do not survive the clone and are put back by the receiver. */
export interface TopicAnswer {
  readonly topicId: string;
  readonly partitions: readonly PartitionBounds[];
}

export interface ReadAnswer {
  readonly topicId: string;
  readonly bounds: PartitionBounds;
  readonly offsets: readonly number[];
  readonly appendMs: readonly number[];
  readonly keys: readonly (string | null)[];
  /** JSON objects. */
  readonly headers: readonly string[];
  /** Each its own buffer. */
  readonly values: readonly Uint8Array[];
}

/** What the worker counted since it was opened. */
export interface WorkerStats {
  /** Write transactions committed: the number of fsyncs that acknowledged something. */
  readonly transactions: number;
  /** Produce calls acknowledged. */
  readonly produces: number;
  readonly messagesWritten: number;
  readonly messagesTrimmed: number;
  /** Times that the write lock was held by somebody else. */
  readonly busyRetries: number;
  /** Looks at whether another process wrote; only while somebody waits. */
  readonly polls: number;
  readonly readsWaiting: number;
  readonly databaseBytes: number;
  /** Of them, free for messages to come. */
  readonly freeBytes: number;
}

export interface ProduceArguments {
  readonly topic: string;
  readonly partition: number;
  readonly nowMs: number;
  readonly keys: readonly (string | null)[];
  readonly headers: readonly string[];
  /** Bytes of each value; the values lie one after the other in `values`. */
  readonly lengths: readonly number[];
  readonly values: Uint8Array;
}

export interface ReadArguments {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly messagesMax: number;
  readonly bytesMax: number;
  readonly waitMs: number;
}

/** Every call: its arguments and its answer. */
export interface Calls {
  readonly ensureTopics: { arguments: { readonly specs: readonly TopicSpec[] }; answer: null };
  readonly deleteTopic: { arguments: { readonly topic: string }; answer: null };
  readonly describe: { arguments: { readonly topic: string }; answer: TopicAnswer };
  readonly produce: { arguments: ProduceArguments; answer: readonly number[] };
  readonly read: { arguments: ReadArguments; answer: ReadAnswer };
  readonly position: {
    arguments: { readonly group: string; readonly topic: string; readonly partition: number };
    answer: number | null;
  };
  readonly commit: {
    arguments: { readonly group: string; readonly topic: string; readonly partition: number; readonly next: number };
    answer: null;
  };
  /** Take away what is too old or too much; answers when nothing is left to take. */
  readonly retain: { arguments: { readonly nowMs: number }; answer: null };
  readonly stats: { arguments: Record<never, never>; answer: WorkerStats };
  /** Settle what is queued, close the file, end the thread. */
  readonly close: { arguments: Record<never, never>; answer: null };
}

export type Call = keyof Calls;
export type CallRequest<K extends Call> = { readonly id: number; readonly call: K } & Calls[K]['arguments'];

export type Request =
  | { [K in Call]: CallRequest<K> }[Call]
  /** Answer the waiting read of that number with what is there. */
  | { readonly id: number; readonly call: 'abort' };

/** A WeirError, flattened: classes do not survive the clone. */
export interface ErrorAnswer {
  readonly code: ErrorCode;
  readonly message: string;
  readonly context: ErrorContext;
  readonly cause: string | null;
}

/** `id` 0 tells that the file is open (or why it is not). */
export type Reply =
  | { readonly id: number; readonly ok: true; readonly answer: Calls[Call]['answer'] }
  | { readonly id: number; readonly ok: false; readonly error: ErrorAnswer };
