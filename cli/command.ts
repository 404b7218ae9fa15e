/** What a subcommand is, and how its command line becomes options, configuration and operands. */
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import {
  commandLayer,
  compileConfig,
  envLayer,
  fileLayer,
  flagLayer,
  type Layer,
  nearest,
} from '../contract/config.ts';
import { CONFIG_KEYS, type Config, FIELDS, flagName } from '../contract/config-table.ts';
import { describeAllowed } from '../contract/config-values.ts';
import { WeirError } from '../contract/errors.ts';
import { parseDuration } from '../contract/units.ts';

/** 0 done; 1 the answer is no; 2 wrong usage or configuration; 3 a dependency failed. */
export type Status = 0 | 1 | 2 | 3;

export interface Command {
  /** The whole --help, EXAMPLES included; the flags of `sections` are added below it. */
  readonly usage: string;
  /** Its own flags, without the dashes. */
  readonly options: ParseArgsOptionsConfig;
  /** Sections of the configuration that it reads: their keys are flags too. '' is cluster and network. */
  readonly sections: readonly string[];
  /** Where its defaults differ from the table. */
  readonly defaults?: Partial<Config>;
  /** How many operands it takes at most (0 if absent). */
  readonly operands?: number;
  run(invocation: Invocation): Promise<Status>;
}

export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface Invocation {
  readonly flags: Flags;
  readonly operands: readonly string[];
  readonly config: Config;
  /** Aborts on the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal;
}

/** Every command has these. */
const COMMON: ParseArgsOptionsConfig = {
  help: { type: 'boolean', short: 'h' },
  debug: { type: 'boolean' },
  config: { type: 'string' },
};

export const usageError = (message: string): WeirError => new WeirError('WEIR_CLI_USAGE', message);

const sectionOf = (key: string): string => (key.includes('.') ? (key.split('.')[0] ?? '') : '');

/** Keys that this command reads and that may be flags. */
const flagKeys = (command: Command): readonly (keyof Config)[] =>
  CONFIG_KEYS.filter((key) => command.sections.includes(sectionOf(key)) && FIELDS[key].secret !== true);

function optionsOf(command: Command): ParseArgsOptionsConfig {
  const fromTable = flagKeys(command).map((key): [string, { type: 'string' | 'boolean' }] => [
    flagName(key),
    { type: FIELDS[key].type === 'bool' ? 'boolean' : 'string' },
  ]);
  return { ...Object.fromEntries(fromTable), ...COMMON, ...command.options };
}

/** The configuration flags of a command, for its --help. */
export function configHelp(command: Command): string {
  const keys = flagKeys(command);
  if (keys.length === 0) return '';
  const lines = keys.map(
    (key) => `  --${flagName(key)} (${describeAllowed(FIELDS[key])})\n      ${FIELDS[key].sentence}`,
  );
  return `\nCONFIGURATION (also in --config FILE and as WEIR_… variables: docs/reference/config.md)\n${lines.join('\n')}\n`;
}

export interface ParsedLine {
  readonly flags: Flags;
  readonly operands: readonly string[];
}

/** WEIR_CLI_USAGE for an unknown flag (the nearest one is named), a missing value, too many operands. */
export function parseLine(name: string, command: Command, args: readonly string[]): ParsedLine {
  const options = optionsOf(command);
  try {
    const parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: true, allowNegative: true });
    const most = command.operands ?? 0;
    if (parsed.positionals.length > most) {
      throw usageError(`weir ${name} does not take "${parsed.positionals[most]}"; see weir ${name} --help`);
    }
    return { flags: parsed.values as Flags, operands: parsed.positionals };
  } catch (error) {
    if (error instanceof WeirError) throw error;
    throw usageError(explain(name, options, error));
  }
}

function explain(name: string, options: ParseArgsOptionsConfig, error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const unknown = /Unknown option '(-[^']*)'/.exec(text)?.[1];
  const help = `see weir ${name} --help`;
  if (unknown === undefined) return `${text.split('. ')[0]?.replace(/\n/g, ' ')}; ${help}`;
  const meant = nearest(unknown.replace(/^-+/, ''), Object.keys(options));
  return `weir ${name} has no flag ${unknown}; did you mean --${meant}? (${help})`;
}

/** A configuration file as it was read: YAML's plain values. */
export interface ConfigFile {
  readonly path: string;
  readonly document: unknown;
}

/** Defaults, then the command's, the file, the environment, the flags. */
export function configOf(
  command: Command,
  line: ParsedLine,
  env: Readonly<Record<string, string | undefined>>,
  file: ConfigFile | null,
): Config {
  const layers: Layer[] = [commandLayer(command.defaults ?? {})];
  if (file !== null) layers.push(fileLayer(file.document, file.path));
  layers.push(envLayer(env), flagLayer(line.flags));
  return compileConfig(layers);
}

/** A flag of text, null when it is absent. */
export function textFlag(invocation: Pick<Invocation, 'flags'>, name: string): string | null {
  const value = invocation.flags[name];
  return typeof value === 'string' ? value : null;
}

/** A flag that may be given more than once. */
export function textsFlag(invocation: Pick<Invocation, 'flags'>, name: string): readonly string[] {
  const value = invocation.flags[name];
  return Array.isArray(value) ? value : [];
}

/** A duration flag in milliseconds, null when it is absent. WEIR_CLI_USAGE. */
export function durationFlag(invocation: Pick<Invocation, 'flags'>, name: string): number | null {
  const text = textFlag(invocation, name);
  if (text === null) return null;
  const ms = parseDuration(text);
  if (ms === null || ms === 0) throw usageError(`--${name} is "${text}"; allowed is a duration such as 30s or 5m`);
  return ms;
}

/** A whole number, null when it is absent. WEIR_CLI_USAGE. */
export function countFlag(invocation: Pick<Invocation, 'flags'>, name: string, max: number): number | null {
  const text = textFlag(invocation, name);
  if (text === null) return null;
  const count = /^\d{1,15}$/.test(text) ? Number(text) : -1;
  if (count < 0 || count > max) throw usageError(`--${name} is "${text}"; allowed is a whole number up to ${max}`);
  return count;
}

/** One of a closed list; the first is the default. WEIR_CLI_USAGE. */
export function choiceFlag<V extends string>(
  invocation: Pick<Invocation, 'flags'>,
  name: string,
  choices: readonly [V, ...V[]],
): V {
  const text = textFlag(invocation, name);
  if (text === null) return choices[0];
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw usageError(`--${name} is "${text}"; allowed is ${choices.join(', ')}`);
  return found;
}
