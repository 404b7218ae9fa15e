/** The schemas of Weir's topics, as the published files have them. */
import { readFileSync } from 'node:fs';
import { headerHex } from '../../schemas/generate/fingerprint.ts';
import { TOPICS } from '../log.ts';

export interface KnownSchema {
  /** Of single-object encoding, 20 hex digits. */
  readonly header: string;
  /** JSON without white space. */
  readonly text: string;
}

const SCHEMAS = new URL('../../schemas/', import.meta.url);

/** The schema that this version writes into a topic of this name; null for any other topic. */
export function schemaOfTopic(topic: string): KnownSchema | null {
  const name = Object.values(TOPICS).find((known) => topic.endsWith(known));
  return name === undefined || name === TOPICS.deadLetters ? null : readSchema(name);
}

const schemas = new Map<string, KnownSchema>();

function readSchema(name: string): KnownSchema {
  const known = schemas.get(name);
  if (known !== undefined) return known;
  const json = JSON.parse(readFileSync(new URL(`${name}.avsc`, SCHEMAS), 'utf8')) as Parameters<typeof headerHex>[0];
  const schema = { header: headerHex(json), text: JSON.stringify(json) };
  schemas.set(name, schema);
  return schema;
}
