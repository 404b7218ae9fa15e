/** The live view of `weir run`: a block that is redrawn on a terminal, a line now and then elsewhere. */
import type { MeterRegistry } from '../contract/meter-registry.ts';
import { figuresOf, type LiveFigures, liveBlock, liveLine } from './live-lines.ts';
import { isTerminal, printLine, printText, terminalColumns } from './output.ts';

const TERMINAL_EVERY_MS = 1000;
const PIPE_EVERY_MS = 5000;

export interface LiveView {
  draw(): void;
  /** Draw a last time and leave the cursor below. */
  close(): void;
}

/** `rows` gives lines to show below the figures: the last rows stored. */
export function startLiveView(meter: MeterRegistry, title: string, rows: () => readonly string[]): LiveView {
  const terminal = isTerminal();
  const startedMs = performance.now();
  let before: LiveFigures | null = null;
  let drawnLines = 0;
  const draw = (): void => {
    const now = figuresOf(meter, performance.now() - startedMs);
    if (!terminal) {
      if (before === null || now.captured !== before.captured || now.stored !== before.stored) {
        printLine(liveLine(now, before));
      }
    } else {
      const lines = [...liveBlock(now, before, title), ...rows()];
      const width = terminalColumns();
      const up = drawnLines === 0 ? '' : `\u001b[${drawnLines}A`;
      printText(up + lines.map((line) => `\u001b[2K${line.slice(0, width)}\n`).join('') + '\u001b[J');
      drawnLines = lines.length;
    }
    before = now;
  };
  const timer = setInterval(draw, terminal ? TERMINAL_EVERY_MS : PIPE_EVERY_MS);
  timer.unref();
  draw();
  return {
    draw,
    close: () => {
      clearInterval(timer);
      draw();
    },
  };
}
