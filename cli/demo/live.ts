/** What the demo shows while it runs: events as lines, and on a terminal a line of figures below them. */
import { isTerminal, printLine, printText, terminalColumns } from '../output.ts';
import { totalOf } from './metrics-text.ts';
import type { StageChild } from './stage-child.ts';

const TERMINAL_EVERY_MS = 1000;
const PIPE_EVERY_MS = 5000;
/** A terminal that does not know its width says 0. */
const COLUMNS_UNKNOWN = 80;

export interface DemoFigures {
  readonly captured: number;
  readonly stored: number;
  readonly named: number;
  readonly ends: number;
}

export interface LiveBoard {
  event(text: string): void;
  /** Begin to show what the stages say of themselves. */
  follow(stages: () => readonly StageChild[]): void;
  close(): void;
}

const count = (value: number): string => value.toLocaleString('en-US');

export function figuresLine(figures: DemoFigures): string {
  const { captured, stored, named, ends } = figures;
  const share = ends === 0 ? '' : `, ${((100 * named) / ends).toFixed(1)} % of the ends named`;
  return `${count(captured)} flows captured, ${count(stored)} stored${share}`;
}

export function startLiveBoard(): LiveBoard {
  const terminal = isTerminal();
  const startedMs = performance.now();
  const clock = (): string => `${((performance.now() - startedMs) / 1000).toFixed(1).padStart(5)} s`;
  const cut = (line: string): string => line.slice(0, (terminalColumns() || COLUMNS_UNKNOWN) - 1);
  let figures: string | null = null;
  let shown = false;
  let timer: NodeJS.Timeout | null = null;
  const erase = (): void => {
    if (shown) printText('\u001b[1A\u001b[2K');
    shown = false;
  };
  const show = (): void => {
    if (figures === null || !terminal) return;
    printLine(cut(figures));
    shown = true;
  };
  return {
    event: (text) => {
      erase();
      printLine(terminal ? cut(`${clock()}  ${text}`) : `${clock()}  ${text}`);
      show();
    },
    follow: (stages) => {
      const totals = new Totals();
      const look = async (): Promise<void> => {
        const line = figuresLine(await totals.read(stages()));
        if (timer === null || line === figures) return;
        erase();
        figures = line;
        if (terminal) show();
        else printLine(`${clock()}  ${line}`);
      };
      timer = setInterval(() => void look(), terminal ? TERMINAL_EVERY_MS : PIPE_EVERY_MS);
      timer.unref();
    },
    close: () => {
      if (timer !== null) clearInterval(timer);
      timer = null;
      erase();
      figures = null;
    },
  };
}

/** Counters begin anew with a process: what a killed one had counted stays. */
class Totals {
  readonly #last = new Map<string, { pid: number; base: DemoFigures; now: DemoFigures }>();

  async read(stages: readonly StageChild[]): Promise<DemoFigures> {
    await Promise.all(stages.map((stage) => this.#take(stage)));
    return [...this.#last.values()].reduce((sum, { base, now }) => add(sum, add(base, now)), NOTHING);
  }

  async #take(stage: StageChild): Promise<void> {
    const samples = await stage.metrics();
    if (samples.length === 0) return;
    const unnamed = totalOf(samples, 'weir_enricher_ends_total', { method: 'none' });
    const ends = totalOf(samples, 'weir_enricher_ends_total');
    const now = {
      captured: totalOf(samples, 'weir_sidecar_flows_in_total'),
      stored: totalOf(samples, 'weir_sink_flows_out_total'),
      named: ends - unnamed,
      ends,
    };
    const last = this.#last.get(stage.name);
    const base = last === undefined ? NOTHING : last.pid === stage.pid ? last.base : add(last.base, last.now);
    this.#last.set(stage.name, { pid: stage.pid, base, now });
  }
}

const NOTHING: DemoFigures = { captured: 0, stored: 0, named: 0, ends: 0 };

const add = (a: DemoFigures, b: DemoFigures): DemoFigures => ({
  captured: a.captured + b.captured,
  stored: a.stored + b.stored,
  named: a.named + b.named,
  ends: a.ends + b.ends,
});
