/** The Meter that a process keeps in memory, and its Prometheus text (exposition format 0.0.4). */
import { METRIC_ROWS, type Meter, type MetricLabels, type MetricName } from './meter.ts';

/** Label sets of one metric: all labels are closed lists, partitions the longest. More is a defect. */
const LABEL_SETS_MAX = 4096;

const escapeLabel = (text: string): string => text.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));

/** Counters and gauges by name and labels. Throws a RangeError on wrong labels or a counter that would go back. */
export class MeterRegistry implements Meter {
  readonly #values = new Map<MetricName, Map<string, number>>();

  add(name: MetricName, value: number, labels: MetricLabels = {}): void {
    if (METRIC_ROWS[name][0] !== 'counter' || !(value >= 0)) throw new RangeError(`${name} cannot be added ${value}`);
    const [samples, key] = this.#sample(name, labels);
    samples.set(key, (samples.get(key) ?? 0) + value);
  }

  set(name: MetricName, value: number, labels: MetricLabels = {}): void {
    if (METRIC_ROWS[name][0] !== 'gauge') throw new RangeError(`${name} is a counter and cannot be set`);
    const [samples, key] = this.#sample(name, labels);
    samples.set(key, value);
  }

  /** The sum over all label sets that match; 0 where nothing was reported. */
  total(name: MetricName, labels: MetricLabels = {}): number {
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${escapeLabel(value)}"`);
    let sum = 0;
    for (const [key, value] of this.#values.get(name) ?? []) {
      const parts = key.split(',');
      if (wanted.every((part) => parts.includes(part))) sum += value;
    }
    return sum;
  }

  /** What was reported so far, in the table's order. */
  render(): string {
    const lines: string[] = [];
    for (const name of Object.keys(METRIC_ROWS) as MetricName[]) {
      const samples = this.#values.get(name);
      if (samples === undefined) continue;
      const [type, help] = METRIC_ROWS[name];
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
      for (const [key, value] of samples) lines.push(`${name}${key === '' ? '' : `{${key}}`} ${value}`);
    }
    return `${lines.join('\n')}\n`;
  }

  #sample(name: MetricName, labels: MetricLabels): [Map<string, number>, string] {
    const names = METRIC_ROWS[name].slice(2);
    if (Object.keys(labels).length !== names.length) throw new RangeError(`${name} has the labels ${names.join(', ')}`);
    const key = names
      .map((label) => {
        const value = labels[label];
        if (value === undefined) throw new RangeError(`${name} lacks the label ${label}`);
        return `${label}="${escapeLabel(value)}"`;
      })
      .join(',');
    let samples = this.#values.get(name);
    if (samples === undefined) this.#values.set(name, (samples = new Map()));
    if (!samples.has(key) && samples.size >= LABEL_SETS_MAX) throw new RangeError(`${name} has too many label sets`);
    return [samples, key];
  }
}
