/** SIGINT and SIGTERM as an AbortSignal, and the end of a parent that could not replace itself (bin/weir). */
import { Socket } from 'node:net';
import { printNotice } from './output.ts';

/** A signal that comes this soon after the first is the same key press, passed on by the parent. */
const SAME_PRESS_MS = 700;

export interface Signals {
  readonly signal: AbortSignal;
  stop(): void;
}

/** The first signal aborts; a later one ends the process at once (status 130), which loses nothing durable. */
export function signalsAsAbort(): Signals {
  const controller = new AbortController();
  let firstMs = 0;
  const onSignal = (): void => {
    const nowMs = performance.now();
    if (firstMs === 0) {
      firstMs = nowMs;
      return controller.abort();
    }
    if (nowMs - firstMs < SAME_PRESS_MS) return;
    printNotice('ended at once; what was not delivered is counted or sent again at the next start');
    process.exit(130);
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return { signal: controller.signal, stop: () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal) };
}

/**
 * bin/weir under a Node without execve stays as our parent and holds a pipe on `fd`. When it closes, the parent was
 * killed (kill -9 cannot be passed on): so are we.
 */
export function followParent(fd: string | undefined): void {
  if (fd === undefined || !/^\d+$/.test(fd)) return;
  delete process.env['WEIR_PARENT_FD'];
  const pipe = new Socket({ fd: Number(fd), readable: true, writable: false });
  pipe.on('close', () => process.kill(process.pid, 'SIGKILL'));
  pipe.on('error', () => undefined); // 'close' follows
  pipe.resume();
  pipe.unref();
}
