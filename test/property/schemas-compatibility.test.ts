/**
 * FULL_TRANSITIVE: whatever version of a schema wrote, every other reads it, by Avro's own rules of schema resolution
 * (avsc's resolver), the older the newer and the other way round. And for each rule a planted change that breaks it.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import avsc from 'avsc';
import { type FileMetaData, parquetMetadata } from 'hyparquet';
import { earlierVersions } from '../../schemas/generate/files.ts';
import { HEADER_BYTES } from '../../schemas/single-object.ts';
import { TABLES } from '../../schemas/tables.ts';
import { CODECS, ROOT } from '../fixtures/golden/codecs.ts';
import { VERSIONS, versionFolder } from '../fixtures/versions/kept.ts';

interface Version {
  readonly name: string;
  readonly json: unknown;
  /** Where what it wrote is kept, in test/fixtures/golden. */
  readonly golden: string;
}

/** A sentence for every pair of which one cannot read the other; none is full compatibility. */
function incompatibilities(versions: readonly Version[]): string[] {
  const found: string[] = [];
  for (const writer of versions) {
    for (const reader of versions) {
      const [write, read] = [typeOf(writer.json), typeOf(reader.json)];
      if (write.name !== read.name) found.push(`${reader.name} is ${read.name}, ${writer.name} is ${write.name}`);
      try {
        read.createResolver(write);
      } catch (error) {
        found.push(`${reader.name} cannot read ${writer.name}: ${String(error)}`);
      }
    }
  }
  return found;
}

/** Each its own registry: the versions name their types alike. */
const typeOf = (json: unknown): avsc.Type => avsc.Type.forSchema(json as avsc.Schema, { registry: {} });

function versionsOf(codec: (typeof CODECS)[number]): Version[] {
  const earlier = earlierVersions(ROOT, codec.name).map((schema, index) => ({
    name: `${codec.name} version ${index + 1}`,
    json: schema.json,
    golden: `versions/${codec.name}/${index + 1}`,
  }));
  return [...earlier, { name: `${codec.name} of today`, json: codec.schema.json, golden: codec.name }];
}

const bodyOf = (version: Version, file: string): Buffer =>
  readFileSync(join(ROOT, 'test', 'fixtures', 'golden', version.golden, file)).subarray(HEADER_BYTES);

type Json = Record<string, unknown>;

const fieldsOf = (record: Json): Json[] => record['fields'] as Json[];

/** Works on the rows' record: what is deepest is the least visible. */
function withChange(json: unknown, change: (record: Json, batch: Json) => unknown): unknown {
  const copy = structuredClone(json);
  const before = JSON.stringify(copy);
  const batch = copy as Json;
  const rows = fieldsOf(batch).find((field) => (field['type'] as Json)['weir.columns'] === true)!;
  change((rows['type'] as Json)['items'] as Json, batch);
  assert.notEqual(JSON.stringify(copy), before);
  return copy;
}

/** The first type of a kind, wherever it is defined below. */
function first(at: unknown, kind: string): Json {
  const found = find(at, kind);
  assert.ok(found !== null, kind);
  return found;
}

function find(at: unknown, kind: string): Json | null {
  if (typeof at !== 'object' || at === null) return null;
  if ((at as Json)['type'] === kind && 'name' in at && ('symbols' in at || 'size' in at)) return at as Json;
  for (const value of Object.values(at)) {
    const found = find(value, kind);
    if (found !== null) return found;
  }
  return null;
}

const BREAKING: Readonly<Record<string, (record: Json, batch: Json) => unknown>> = {
  'a field that has no default': (record) => fieldsOf(record).push({ name: 'later', type: 'long' }),
  'a field taken away': (record) => fieldsOf(record).shift(),
  'a field renamed': (record) => (fieldsOf(record)[0]!['name'] = 'renamed'),
  'a field of a narrower type': (record) => (typed(record, 'long')['type'] = 'int'),
  'a field of a wider type, which the older cannot read': (record) => (typed(record, 'int')['type'] = 'long'),
  'a field of another type': (record) => (typed(record, 'long')['type'] = 'string'),
  'an enum symbol more, which the older do not know': (record) =>
    (first(record, 'enum')['symbols'] as string[]).push('later'),
  'an enum symbol less': (record) => (first(record, 'enum')['symbols'] as string[]).pop(),
  'an address of another size': (_, batch) => (first(batch, 'fixed')['size'] = 4),
  'a record renamed': (record) => (record['name'] = 'Renamed'),
};

const typed = (record: Json, type: string): Json => fieldsOf(record).find((field) => field['type'] === type)!;

for (const codec of CODECS) {
  const versions = versionsOf(codec);

  describe(`${codec.name} in ${versions.length} versions`, () => {
    it('is read by every version, whichever wrote it', () => {
      assert.deepEqual(incompatibilities(versions), []);
    });

    it('is read by every version as bytes, too', () => {
      for (const writer of versions) {
        for (const reader of versions) {
          const [write, read] = [typeOf(writer.json), typeOf(reader.json)];
          const body = bodyOf(writer, 'typical.avsc.bin');
          const value = read.fromBuffer(body, read.createResolver(write)) as Record<string, unknown>;
          const own = write.fromBuffer(body) as Record<string, unknown>;
          const shared = Object.keys(own).filter((name) => name in value && typeof own[name] !== 'object');
          assert.ok(shared.length > 3);
          for (const name of shared) assert.equal(value[name], own[name], `${name}: ${reader.name} of ${writer.name}`);
        }
      }
    });

    it('keeps what each version wrote', () => {
      for (const { golden } of versions)
        assert.ok(existsSync(join(ROOT, 'test', 'fixtures', 'golden', golden)), golden);
    });

    for (const [what, change] of Object.entries(BREAKING)) {
      it(`would be caught with ${what}`, () => {
        const changed = { name: 'changed', json: withChange(codec.schema.json, change), golden: '' };
        assert.notEqual(incompatibilities([...versions, changed]).length, 0);
      });
    }

    it('may get a field with a default', () => {
      const change = (record: Json): unknown => fieldsOf(record).push({ name: 'later', type: 'long', default: -1 });
      const changed = { name: 'changed', json: withChange(codec.schema.json, change), golden: '' };
      assert.deepEqual(incompatibilities([...versions, changed]), []);
    });
  });
}

describe('the columns of the tables', () => {
  const columnsOf = (metadata: FileMetaData): Map<string, string> =>
    new Map(
      metadata.schema
        .filter(({ type }) => type !== undefined)
        .map(({ name, type, logical_type: logical }) => [name, TYPES[`${type} ${logical?.type ?? ''}`.trim()] ?? '?']),
    );
  const TYPES: Readonly<Record<string, string>> = {
    'BYTE_ARRAY STRING': 'string',
    BYTE_ARRAY: 'string',
    'INT64 TIMESTAMP': 'timestamp',
    INT64: 'bigint',
    'INT64 INTEGER': 'bigint',
    INT32: 'int',
    'INT32 INTEGER': 'int',
    BOOLEAN: 'boolean',
  };

  it('are only ever added: every earlier one is there, of the type that it had', () => {
    for (const version of VERSIONS) {
      for (const { name: table, columns } of TABLES) {
        const folder = join(versionFolder(version), 'parquet', table);
        const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.parquet'));
        assert.ok(files.length > 0, table);
        const bytes = readFileSync(join(folder, files[0]!));
        const was = columnsOf(parquetMetadata(new Uint8Array(bytes).buffer));
        const is = new Map<string, string>(columns.map(({ name, type }) => [name, type]));
        for (const [name, type] of was) assert.equal(is.get(name), type, `${table}.${name} of version ${version}`);
      }
    }
  });
});
