/** What the decoders do not check: a translation is an object that points at a row and at addresses. */
import { invalid } from './schema-error.ts';

const PORT_MAX = 65_535;

/**
 * `ends`: of each translation, its row and then an address and a port for either end.
 * Fails: WEIR_SCHEMA_INVALID for one that points at no row or address, or rows that do not ascend.
 */
export function checkTranslations<T>(
  translations: readonly T[],
  rows: number,
  addresses: number,
  ends: (translation: T) => readonly [row: number, addr: number, port: number, addr: number, port: number],
): void {
  let last = -1;
  translations.forEach((translation, i) => {
    const [row, ...pairs] = ends(translation);
    if (row <= last || row >= rows) throw invalid('translations.row', row, i);
    last = row;
    for (let k = 0; k < pairs.length; k += 2) {
      const addr = pairs[k]!;
      const port = pairs[k + 1]!;
      if (addr < -1 || addr >= addresses) throw invalid('translations.addr', addr, i);
      if (port < -1 || port > PORT_MAX) throw invalid('translations.port', port, i);
    }
  });
}
