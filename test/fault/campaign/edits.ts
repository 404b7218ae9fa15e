/** Stretches of source that are other ones in the children of a campaign. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export interface SourceEdit {
  /** Relative to the clone. */
  readonly file: string;
  /** Stands there exactly once. */
  readonly fragment: string;
  readonly replacement: string;
}

/** Names the file that holds the edits, for the children. */
export const EDITS_VARIABLE = 'WEIR_CAMPAIGN_EDITS';
/** Names the stage, for the pace's edit of the client id. */
export const CLIENT_VARIABLE = 'WEIR_CAMPAIGN_CLIENT';

const root = new URL('../../../', import.meta.url);

/** Throws when a fragment does not stand there exactly once. */
export function applyEdits(source: string, edits: readonly SourceEdit[]): string {
  return edits.reduce((text, { file, fragment, replacement }) => {
    const found = text.split(fragment).length - 1;
    if (found !== 1) throw new Error(`${file} holds ${found} times, not once:\n${fragment}`);
    return text.replace(fragment, () => replacement);
  }, source);
}

/** As the children will apply them, before any is started. */
export async function checkEdits(edits: readonly SourceEdit[]): Promise<void> {
  for (const file of new Set(edits.map((edit) => edit.file))) {
    const source = await readFile(fileURLToPath(new URL(file, root)), 'utf8');
    applyEdits(
      source,
      edits.filter((edit) => edit.file === file),
    );
  }
}
