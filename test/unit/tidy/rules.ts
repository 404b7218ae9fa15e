/** The house rules that no tool knows, as pure functions from the tree (path -> text) to findings, one line each. */
import { posix } from 'node:path';

export type Tree = ReadonlyMap<string, string>;

const STAGES = ['sidecar', 'watcher', 'enricher', 'sink', 'explore'];
const BELOW_STAGES = ['schemas', 'contract', 'transport'];

/** DESIGN's arrows: what a folder may import besides itself. Folders that are not here may import everything. */
const ARROWS: ReadonlyMap<string, readonly string[]> = new Map([
  ['contract', []],
  ['schemas', ['contract']],
  ['transport', ['schemas', 'contract']],
  ...STAGES.map((stage): [string, string[]] => [stage, BELOW_STAGES]),
  ['cli', [...BELOW_STAGES, ...STAGES]],
]);

const words = (text: string): readonly string[] => text.split(/\s+/);
const FOLDERS = words('bpf schemas contract transport cli deploy scripts benchmarks test docs bin .ci .github').concat(
  STAGES,
);
const ROOT_FILES = words(
  `.gitignore .gitattributes .npmrc .oxlintrc.json .clang-format biome.json package.json package-lock.json NOTICE
   tsconfig.json tsconfig.build.json known-failing.txt README.md LICENSE SECURITY.md CONTRIBUTING.md CHANGELOG.md`,
);

const isGenerated = (path: string): boolean => path.includes('/generated/');
const isCode = (path: string): boolean => /\.(ts|mjs|c|h|sh|js)$/.test(path) || path === 'bin/weir';
const isFixture = (path: string): boolean => path.startsWith('test/fixtures/') || path.includes('/fixtures/');
const topOf = (path: string): string => path.split('/')[0] ?? '';
const lineOf = (text: string, index: number): number => text.slice(0, index).split('\n').length;
const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/[^\n]*/g, (comment) => comment.replace(/[^\n]/g, ' '));

/** Paths that a TypeScript file names: imports of every kind, and files it starts (`new URL('./worker.ts', …)`). */
export function referencesOf(path: string, text: string): string[] {
  const found: string[] = [];
  for (const match of withoutComments(text).matchAll(/['"`]((?:\.{1,2}\/)[^'"`\s$]*?\.(?:ts|mjs))['"`]/g)) {
    found.push(posix.normalize(posix.join(posix.dirname(path), match[1] ?? '')));
  }
  // `./worker${extension}`: a worker that runs from source and from a build.
  for (const match of text.matchAll(/`(\.{1,2}\/[\w./-]*\w)\$\{/g)) {
    found.push(`${posix.normalize(posix.join(posix.dirname(path), match[1] ?? ''))}.ts`);
  }
  return found;
}

export function arrowFindings(tree: Tree): string[] {
  const findings: string[] = [];
  for (const [path, text] of tree) {
    const allowed = ARROWS.get(topOf(path));
    if (allowed === undefined || !path.endsWith('.ts')) continue;
    for (const target of referencesOf(path, text)) {
      const folder = topOf(target);
      if (folder !== topOf(path) && !allowed.includes(folder)) {
        findings.push(`${path} imports ${target}: ${topOf(path)} may import ${allowed.join(', ') || 'nothing'}`);
      }
    }
  }
  return findings;
}

/** TypeScript files that nothing reaches from the command, the scripts, the benchmarks or (for test files) a test. */
export function deadFindings(tree: Tree): string[] {
  const files = [...tree.keys()].filter((path) => path.endsWith('.ts') && !isFixture(path));
  const isRoot = (path: string): boolean =>
    path === 'cli/main.ts' || path === 'schemas/generate/main.ts' || /^(scripts|benchmarks)\//.test(path);
  const reach = (roots: readonly string[]): Set<string> => {
    const seen = new Set<string>(roots);
    for (const path of seen) {
      for (const target of referencesOf(path, tree.get(path) ?? '')) if (tree.has(target)) seen.add(target);
    }
    return seen;
  };
  const scripts = [...tree.keys()].filter((path) => /^scripts\/.*\.mjs$/.test(path));
  const shipped = reach([...files.filter(isRoot), ...scripts]);
  const tested = reach(files.filter((path) => path.endsWith('.test.ts')));
  return files
    .filter((path) => (path.startsWith('test/') ? !tested.has(path) && !shipped.has(path) : !shipped.has(path)))
    .map((path) => `${path}: nothing that ships refers to it; use it or remove it`);
}

interface Ban {
  readonly pattern: RegExp;
  readonly where: (path: string) => boolean;
  readonly instead: string;
  /** Look into comments too. */
  readonly comments?: boolean;
}

const shippedTs = (path: string): boolean => path.endsWith('.ts') && !/^(test|scripts|benchmarks)\//.test(path);
const anyText = (path: string): boolean => isCode(path) || /\.(md|yaml|yml|json|avsc)$/.test(path);

export const BANS: readonly Ban[] = [
  {
    pattern: /\bconsole\.\w+\(/g,
    where: (path) => isCode(path) && !path.startsWith('scripts/'),
    instead: 'the injected Logger, or cli/output.ts',
  },
  { pattern: /\b(TODO|FIXME|XXX|HACK)\b/g, where: isCode, instead: 'an issue, or doing it', comments: true },
  {
    pattern: /\bDate\.now\(|\bnew Date\(\)/g,
    where: (path) => shippedTs(path) && path !== 'contract/clock.ts',
    instead: 'the injected Clock (contract/clock.ts)',
  },
  { pattern: /\bMath\.random\(/g, where: shippedTs, instead: 'a seeded generator, or node:crypto for identifiers' },
  { pattern: /catch\s*(\([^)]*\)\s*)?\{\s*\}/g, where: isCode, instead: 'handle it, count it, or let it through' },
  { pattern: /\.catch\(\(\w*\)\s*=>\s*\{\s*\}\)/g, where: shippedTs, instead: 'handle it, or say why it may pass' },
  {
    pattern: /\bprocess\.exit\(/g,
    where: (path) => shippedTs(path) && !path.startsWith('cli/'),
    instead: 'throwing a WeirError; only commands end the process',
  },
  { pattern: /@ts-(ignore|nocheck)/g, where: isCode, instead: 'a type that holds', comments: true },
  {
    pattern: /\b(test|it|describe|suite)\.(skip|only|todo)\(|\b(skip|only|todo): (true|'|"|`)/g,
    where: (path) => path.startsWith('test/'),
    instead: 'a test that runs, or a row in known-failing.txt',
  },
  {
    pattern: /(^|[\s'"`(=:])\/(work|root)\/|\/tmp\/weir[/-]?[a-z]*\/[A-Z]/g,
    where: anyText,
    instead: 'a path relative to the clone, or os.tmpdir()',
    comments: true,
  },
  {
    pattern: /registry\.(npmjs|yarnpkg)\.|artifactory|proxy\.golang\.org|repo\d?\.maven/g,
    where: (path) => anyText(path),
    instead: "the package manager's own configuration",
    comments: true,
  },
  {
    pattern: /['"]@kubernetes\/client-node['"]/g,
    where: (path) => path.endsWith('.ts') && !path.startsWith('watcher/'),
    instead: "the watcher's api.ts: importing the client triples a process's memory",
  },
  { pattern: /"resolved":/g, where: (path) => path === 'package-lock.json', instead: 'npm install with this .npmrc' },
];

export function banFindings(tree: Tree, bans: readonly Ban[] = BANS): string[] {
  const findings: string[] = [];
  for (const [path, text] of tree) {
    if (isGenerated(path) || isFixture(path) || path.startsWith('test/unit/tidy')) continue;
    const code = /\.(ts|mjs|c|h)$/.test(path) ? withoutComments(text) : text;
    for (const ban of bans) {
      if (!ban.where(path)) continue;
      const subject = ban.comments === true ? text : code;
      for (const match of subject.matchAll(ban.pattern)) {
        findings.push(`${path}:${lineOf(subject, match.index)}: "${match[0].trim()}": use ${ban.instead}`);
      }
    }
  }
  return findings;
}

/** The formatter holds code to 120 columns; this is for what it does not break: comments, C. */
const WIDTH_MAX = 140;
const LINES_MAX = 400;

/** Width of lines (but for strings and addresses, which cannot be broken) and length of files. */
export function sizeFindings(tree: Tree): string[] {
  const findings: string[] = [];
  for (const [path, text] of tree) {
    if (!isCode(path) || isGenerated(path) || isFixture(path)) continue;
    const lines = text.split('\n');
    if (lines.length - 1 > LINES_MAX) findings.push(`${path}: ${lines.length - 1} lines, at most ${LINES_MAX}`);
    for (const [index, line] of lines.entries()) {
      const bare = line.replace(/(['"`])(?:\\.|(?!\1).)*\1/g, '').replace(/https?:\/\/\S+/g, '');
      if (bare.length > WIDTH_MAX) {
        findings.push(`${path}:${index + 1}: ${line.length} columns, at most ${WIDTH_MAX}`);
      }
    }
  }
  return findings;
}

/** The test of a file, of a folder, or of what the tests share. */
const mirrors = (tree: Tree, path: string): boolean =>
  [`${path}.ts`, `${path}.mjs`, `test/${path}.ts`].some((file) => tree.has(file)) ||
  [...tree.keys()].some((file) => file.startsWith(`${path}/`));

export function layoutFindings(tree: Tree): string[] {
  const findings: string[] = [];
  for (const path of tree.keys()) {
    const top = topOf(path);
    if (path.includes('/') ? !FOLDERS.includes(top) : !ROOT_FILES.includes(path)) {
      findings.push(`${path}: ${top} is not in the house's list of folders and files (test/unit/tidy/rules.ts)`);
    }
    if (/(^|\/)(utils|util|helpers|misc|index)\.ts$/.test(path)) {
      findings.push(`${path}: name it for the concept that it holds; no barrels`);
    }
    if (path.endsWith('.ts') && !isFixture(path) && !/^[a-z0-9-]+(\.(test|bench|d))?\.ts$/.test(posix.basename(path))) {
      findings.push(`${path}: file names are kebab-case`);
    }
    const mirrored = /^test\/unit\/(.+)\.test\.ts$/.exec(path)?.[1];
    if (mirrored !== undefined && mirrored !== 'tidy' && !mirrors(tree, mirrored)) {
      findings.push(`${path}: there is no ${mirrored}.ts; the test for a/b.ts is test/unit/a/b.test.ts`);
    }
    const inC = /^bpf\/.*\.[ch]$|^sidecar\/addon\/.*\.[ch]$/.test(path) && !isGenerated(path);
    if (inC && !/^\/[/*] SPDX-License-Identifier: /.test(tree.get(path) ?? '')) {
      findings.push(`${path}: the first line must be its SPDX-License-Identifier`);
    }
  }
  return findings;
}

const README_LINES_MAX = 150;

/** Relative links of Markdown files that lead nowhere, and a README that has grown too long. */
export function docsFindings(tree: Tree, exists: (path: string) => boolean): string[] {
  const findings: string[] = [];
  for (const [path, text] of tree) {
    if (!path.endsWith('.md')) continue;
    const lines = text.split('\n').length - 1;
    if (path === 'README.md' && lines > README_LINES_MAX) {
      findings.push(`README.md: ${lines} lines, at most ${README_LINES_MAX}`);
    }
    for (const match of text.replace(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)\s#]+)(#[^)]*)?\)/g)) {
      const target = match[1] ?? '';
      if (/^[a-z]+:/.test(target)) continue;
      const file = posix.normalize(posix.join(posix.dirname(path), target));
      if (!exists(file)) findings.push(`${path}: the link to ${target} leads nowhere`);
    }
  }
  return findings;
}
