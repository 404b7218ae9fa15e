/**
 * Names of reporters. A sidecar that holds more claims than one message takes speaks as several reporters: the first is
 * named as its node, the others `node/2`, `node/3` and so on. No name of a node, a watcher or a table has a slash. Pure.
 */

/** The reporter that says share `index` (from 0) of a node's claims. */
export const shareName = (node: string, index: number): string => (index === 0 ? node : `${node}/${index + 1}`);

/** The node whose sidecar speaks as that reporter. */
export function nodeOfReporter(reporter: string): string {
  const slash = reporter.indexOf('/');
  return slash < 0 ? reporter : reporter.slice(0, slash);
}
