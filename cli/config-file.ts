/** Reads weir.yaml. The YAML library is loaded only where a file is named. */
import { readFile } from 'node:fs/promises';
import { fromUnknown, WeirError } from '../contract/errors.ts';
import type { ConfigFile } from './command.ts';

/** Aliases that one document may expand to: a bound against files that blow up. */
const ALIASES_MAX = 100;

/** WEIR_CONFIG_UNREADABLE names the file and the line. */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw fromUnknown(error, 'WEIR_CONFIG_UNREADABLE', `the configuration ${path} cannot be read`);
  }
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) {
    const line = error.linePos?.[0].line ?? 1;
    const what = error.message.split('\n')[0]?.replace(/ at line .*$/, '');
    throw new WeirError('WEIR_CONFIG_UNREADABLE', `${path}:${line}: not YAML (${what}); mend the line`, { path, line });
  }
  try {
    return { path, document: document.toJS({ maxAliasCount: ALIASES_MAX }) };
  } catch (cause) {
    throw fromUnknown(cause, 'WEIR_CONFIG_UNREADABLE', `the configuration ${path} cannot be read`);
  }
}
