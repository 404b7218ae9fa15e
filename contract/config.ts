/** Layers of configuration (file, environment, flags) compiled into one frozen, typed Config. Pure. */
import { CONFIG_KEYS, type Config, type ConfigKey, envName, FIELDS, flagName } from './config-table.ts';
import { formatValue, parseValue } from './config-values.ts';
import { WeirError } from './errors.ts';

/** One source of values; later layers win. `name` is how a message calls a key of it. */
export interface Layer {
  readonly values: ReadonlyMap<ConfigKey, unknown>;
  /** For messages: `weir.yaml: lake.flushAge`, `WEIR_LAKE_FLUSH_AGE`, `--lake-flush-age`. */
  readonly nameOf: (key: ConfigKey) => string;
}

const isKey = (key: string): key is ConfigKey => Object.hasOwn(FIELDS, key);

/** Single-character edits between two words. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The known word that `word` was probably meant to be. */
export function nearest(word: string, known: readonly string[]): string {
  const score = (candidate: string): number => distance(word.toLowerCase(), candidate.toLowerCase());
  return known.reduce((best, candidate) => (score(candidate) < score(best) ? candidate : best), known[0] ?? '');
}

function unknownKey(where: string, key: string, known: readonly string[]): WeirError {
  const meant = nearest(key, known);
  return new WeirError('WEIR_CONFIG_UNKNOWN_KEY', `${where}${key} is not a key of Weir; did you mean ${meant}?`, {
    key,
    nearest: meant,
  });
}

const isSection = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Values of a parsed YAML document: sections may nest or be dotted. WEIR_CONFIG_UNKNOWN_KEY, WEIR_CONFIG_INVALID. */
export function fileLayer(document: unknown, file: string): Layer {
  const values = new Map<ConfigKey, unknown>();
  const walk = (section: Record<string, unknown>, prefix: string): void => {
    for (const [name, value] of Object.entries(section)) {
      const key = prefix + name;
      const opens = CONFIG_KEYS.some((known) => known.startsWith(`${key}.`));
      if (isKey(key)) values.set(key, value);
      else if (opens && isSection(value)) walk(value, `${key}.`);
      else if (!opens) throw unknownKey(`${file}: `, key, CONFIG_KEYS);
      else if (value !== null)
        throw new WeirError('WEIR_CONFIG_INVALID', `${file}: ${key} must be a section of keys`, { key });
    }
  };
  if (isSection(document)) walk(document, '');
  else if (document !== null && document !== undefined) {
    throw new WeirError('WEIR_CONFIG_INVALID', `${file}: the document must be a mapping of keys to values`);
  }
  return { values, nameOf: (key) => `${file}: ${key}` };
}

/** Kubernetes puts such variables into every pod for a Service of the name weir-sink and the like. */
const KUBERNETES_SERVICE = /_SERVICE_HOST$|_SERVICE_PORT(_|$)|_PORT(_\d+_(TCP|UDP)(_|$)|$)/;

/** Values of WEIR_… variables. A variable that begins like a section of Weir's but is no key is an error. */
export function envLayer(env: Readonly<Record<string, string | undefined>>): Layer {
  const byName = new Map(CONFIG_KEYS.map((key) => [envName(key), key]));
  const sections = new Set(
    CONFIG_KEYS.filter((key) => key.includes('.')).map((key) => `WEIR_${key.split('.')[0]}_`.toUpperCase()),
  );
  const values = new Map<ConfigKey, unknown>();
  for (const [name, value] of Object.entries(env)) {
    const key = byName.get(name);
    if (key !== undefined && value !== undefined) values.set(key, value);
    const looksLikeOurs = [...sections].some((section) => name.startsWith(section));
    if (key === undefined && looksLikeOurs && !KUBERNETES_SERVICE.test(name)) {
      throw unknownKey('', name, [...byName.keys()]);
    }
  }
  return { values, nameOf: envName };
}

/** Values of parsed flags, by flag name without dashes. */
export function flagLayer(flags: Readonly<Record<string, unknown>>): Layer {
  const values = new Map<ConfigKey, unknown>();
  for (const key of CONFIG_KEYS) {
    const value = flags[flagName(key)];
    if (value !== undefined && FIELDS[key].secret !== true) values.set(key, value);
  }
  return { values, nameOf: (key) => `--${flagName(key)}` };
}

/** Other defaults of one command (`run` flushes every 2 s); everything else wins over them. */
export function commandLayer(defaults: Partial<Config>): Layer {
  const entries = Object.entries(defaults).map(([key, value]): [ConfigKey, unknown] => {
    const field = FIELDS[key as ConfigKey];
    return [key as ConfigKey, Array.isArray(value) || typeof value === 'boolean' ? value : formatValue(field, value)];
  });
  return { values: new Map(entries), nameOf: (key) => key };
}

function check(config: Config): void {
  const bytes = config['sidecar.ringBytes'];
  const fail = (message: string, key: ConfigKey): never => {
    throw new WeirError('WEIR_CONFIG_INVALID', message, { key });
  };
  if (2 ** Math.round(Math.log2(bytes)) !== bytes) {
    fail(`sidecar.ringBytes is ${bytes} bytes; allowed is a power of two, such as 16MiB`, 'sidecar.ringBytes');
  }
  if (config['transport.kind'] === 'kafka' && config['transport.brokers'].length === 0) {
    fail('transport.brokers is empty; transport.kind kafka needs at least one host:port', 'transport.brokers');
  }
}

/**
 * Defaults, then the layers in order: the last one that has a key wins. WEIR_CONFIG_INVALID names key, value
 * (a secret's value never) and what is allowed.
 */
export function compileConfig(layers: readonly Layer[]): Config {
  const compiled: Record<string, unknown> = {};
  for (const key of CONFIG_KEYS) compiled[key] = FIELDS[key].default;
  for (const { values, nameOf } of layers) {
    for (const [key, raw] of values) {
      const field = FIELDS[key];
      const parsed = parseValue(field, raw);
      if ('allowed' in parsed) {
        // A URL that was given its credentials is not shown with them.
        const text = (JSON.stringify(raw) ?? String(raw)).replaceAll(/\/\/[^/\s"]*@/g, '//…@');
        const shown = field.secret === true ? 'a value' : text;
        const message = `${nameOf(key)} is ${shown}; allowed is ${parsed.allowed}`;
        throw new WeirError('WEIR_CONFIG_INVALID', message, { key });
      }
      compiled[key] = parsed.value;
    }
  }
  if (compiled['network'] === '') compiled['network'] = compiled['cluster'];
  const config = Object.freeze(compiled) as unknown as Config;
  check(config);
  return config;
}

/** Every key as text, secrets hidden: for the log line at start and for --debug. */
export function describeConfig(config: Config): Record<ConfigKey, string> {
  const entries = CONFIG_KEYS.map((key) => [key, formatValue(FIELDS[key], config[key])]);
  return Object.fromEntries(entries) as Record<ConfigKey, string>;
}
