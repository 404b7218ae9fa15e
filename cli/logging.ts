/** The Logger of a command: pino on standard error, as JSON lines or as text for people. */
import { writeSync } from 'node:fs';
import { pino } from 'pino';
import type { Config } from '../contract/config-table.ts';
import type { Logger } from '../contract/log.ts';
import { VERSION } from './version.ts';

/** One JSON line of pino's as `12:00:01.123 warn sink: event key=value`. */
export function lineAsText(json: string): string {
  const { time, level, stage, msg, name: _name, version: _version, ...fields } = JSON.parse(json);
  const rest = Object.entries(fields).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const clock = String(time).slice(11, 23);
  return `${clock} ${level}${stage === undefined ? '' : ` ${stage}`}: ${msg}${rest.join('')}\n`;
}

export function createLogger(config: Pick<Config, 'log.level' | 'log.format'>): Logger {
  const asText = config['log.format'] === 'text';
  const destination = {
    write: (line: string): void => void writeSync(2, asText ? lineAsText(line) : line),
  };
  return pino(
    {
      level: config['log.level'],
      base: { name: 'weir', version: VERSION },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: errorFields, err: errorFields },
    },
    destination,
  );
}

const errorFields = (error: unknown): unknown =>
  error instanceof Error
    ? { ...('code' in error ? { code: error.code } : {}), message: error.message, stack: error.stack }
    : error;
