/** `--source recording:FILE` and `recording-part:FILE`. */
export interface RecordingSource {
  readonly file: string;
  /** Also where it is cut because its recorder was killed: up to its last whole block. */
  readonly isPart: boolean;
}

/** Null: another source. */
export function recordingSource(source: string): RecordingSource | null {
  const [, part, file] = /^recording(-part)?:(.+)$/s.exec(source) ?? [];
  return file === undefined ? null : { file, isPart: part !== undefined };
}
