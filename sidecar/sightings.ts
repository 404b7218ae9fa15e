/**
 * What scans can say of a fact's life. A scan looks at some moment between its start and its finish, so a fact that
 * it saw was there for certain at the finish at the latest, and one that it missed may have begun right after the start.
 */
export interface Span {
  /** Not before this; -Infinity where nobody looked before. */
  readonly earliestUs: number;
  /** There for certain since. */
  readonly fromUs: number;
}

export interface ScanTimes {
  readonly startedUs: number;
  readonly finishedUs: number;
}

/** Facts by key, each with the span since when it holds. Facts that a scan does not mention are gone. */
export class Sightings {
  #facts = new Map<string, Span>();
  #next = new Map<string, Span>();

  /** Begin a scan. */
  begin(): void {
    this.#next = new Map();
  }

  /**
   * A fact of this scan. `exactUs` is its beginning where something better than a scan knows it.
   * The first scan of all has no predecessor: nothing is known before it.
   */
  see(key: string, scan: ScanTimes, previous: ScanTimes | null, exactUs: number | null): Span {
    const known = this.#next.get(key) ?? this.#facts.get(key) ?? begun(scan, previous, exactUs);
    this.#next.set(key, known);
    return known;
  }

  end(): void {
    this.#facts = this.#next;
  }
}

function begun(scan: ScanTimes, previous: ScanTimes | null, exactUs: number | null): Span {
  if (exactUs !== null) return { earliestUs: exactUs, fromUs: exactUs };
  return { earliestUs: previous === null ? -Infinity : previous.startedUs, fromUs: scan.finishedUs };
}

/** When several facts hold together. */
export function together(...spans: readonly Span[]): Span {
  return {
    earliestUs: Math.max(...spans.map((span) => span.earliestUs)),
    fromUs: Math.max(...spans.map((span) => span.fromUs)),
  };
}
