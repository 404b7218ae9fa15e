/**
 * Loaded by --import into the children of a campaign: exact stretches of single source files are other ones there. So a
 * rule can be left out, and times be short, without a switch in the product. A stretch that is not in its file exactly
 * once ends the process: nobody believes that a bug was planted which was not.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { applyEdits, EDITS_VARIABLE, type SourceEdit } from './edits.ts';

const file = process.env[EDITS_VARIABLE];
const edits = file === undefined ? [] : (JSON.parse(readFileSync(file, 'utf8')) as readonly SourceEdit[]);
const root = new URL('../../../', import.meta.url).href;

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    const mine = edits.filter((edit) => url === root + edit.file);
    if (mine.length === 0) return loaded;
    const { source } = loaded;
    const text = typeof source === 'string' ? source : new TextDecoder().decode(source as Uint8Array);
    return { ...loaded, source: applyEdits(text, mine) };
  },
});
