import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type ChainState,
  compareHours,
  formatFileMetadata,
  formatGenesis,
  formatObjectName,
  formatShortMetadata,
  genesisName,
  hourOfMs,
  lossesNameOf,
  META,
  type ObjectFacts,
  parseFileMetadata,
  parseGenesis,
  parseHour,
  parseObjectName,
} from '../../../schemas/objects.ts';

const LOG_ID = 'abcdefghijklmnopqrstuA';
const HOUR = { dt: '2026-11-24', hour: 5 };
const NAME = `flows/dt=2026-11-24/hour=05/${LOG_ID}-00003-00000000000000000042.parquet`;
const STATE: ChainState = {
  logId: LOG_ID,
  nextOffset: 42,
  hour: HOUR,
  streams: new Map([
    ['ring "b"', { next: 7, lastMs: 5 }],
    ['__proto__', { next: 1, lastMs: 2 }],
  ]),
  marks: new Map(),
};
const FACTS: ObjectFacts = {
  state: STATE,
  rows: 5,
  flows: 6,
  losses: [
    {
      stage: 'kernel',
      reason: 'ring_full',
      flows: 2,
      startUs: 1,
      endUs: 2,
      node: 'n1',
      ring: 'r',
      intentional: false,
      detectedBy: 'sidecar',
    },
    {
      stage: 'sink',
      reason: 'undecodable',
      flows: null,
      startUs: 1,
      endUs: 2,
      node: null,
      ring: null,
      intentional: true,
      detectedBy: 'sink',
    },
  ],
  schema: 'flows.v1',
  writer: 'w',
};

describe('names of objects', () => {
  const parsed = {
    table: 'flows',
    hour: HOUR,
    logId: LOG_ID,
    partition: 3,
    firstOffset: 42,
    format: 'parquet',
  } as const;

  it('are those that are promised, and are read back', () => {
    assert.equal(formatObjectName(parsed), NAME);
    assert.deepEqual(parseObjectName(NAME), parsed);
    assert.equal(lossesNameOf(NAME), NAME.replace('flows', 'losses'));
    assert.equal(genesisName('flows', 3), '_chain/flows-00003');
  });

  it('never begin with an underscore, which readers of Hive tables skip', () => {
    const logId = '_bcdefghijklmnopqrstu-';
    const name = formatObjectName({ ...parsed, logId });
    assert.match(name, /\/u_bcd/);
    assert.equal(parseObjectName(name)?.logId, logId);
  });

  it('are refused when any part is off', () => {
    const bad = [
      '',
      NAME.slice(1),
      `${NAME}.tmp`,
      NAME.replace('hour=05', 'hour=24'),
      NAME.replace('hour=05', 'hour=5'),
      NAME.replace('2026-11-24', '2026-02-30'),
      NAME.replace(LOG_ID, LOG_ID.slice(1)),
      NAME.replace(LOG_ID, `_${LOG_ID.slice(1)}`),
      NAME.replace('-00003-', '-3-'),
      NAME.replace('flows/', 'other/'),
      NAME.replace('00000000000000000042', '99999999999999999999'),
      `../${NAME}`,
    ];
    for (const name of bad) assert.equal(parseObjectName(name), null, name);
  });
});

describe('hours', () => {
  it('are those of UTC', () => {
    assert.deepEqual(hourOfMs(Date.UTC(2026, 10, 24, 5, 59, 59, 999)), HOUR);
    assert.ok(compareHours(HOUR, { dt: '2026-11-24', hour: 6 }) < 0);
    assert.ok(compareHours({ dt: '2026-11-25', hour: 0 }, HOUR) > 0);
    assert.equal(parseHour('dt=2026-11-24/hour=99'), null);
  });
});

describe('metadata of objects', () => {
  it('comes back as it was written', () => {
    assert.deepEqual(parseFileMetadata(formatFileMetadata(FACTS)), FACTS);
  });

  it('is short enough for the headers of an object whatever the streams are', () => {
    const streams = new Map(Array.from({ length: 5000 }, (_, i) => [`ring${i}`, { next: i, lastMs: i }]));
    const short = formatShortMetadata({ ...FACTS, state: { ...STATE, streams } });
    assert.ok(JSON.stringify(short).length < 1024);
    assert.equal(short[META.losses], '2');
  });

  it('is refused when a key is missing, forged or contradicts another', () => {
    const good = formatFileMetadata(FACTS);
    const bad: [string, string | undefined][] = [
      [META.log, 'short'],
      [META.endOffset, '-1'],
      [META.endOffset, '1e3'],
      [META.endOffset, undefined],
      [META.hour, 'dt=2026-11-24/hour=24'],
      [META.rows, ''],
      [META.flows, '9007199254740993'],
      [META.losses, '3'],
      [META.streams, '{"r":[1]}'],
      [META.streams, '{"r":[1,-2]}'],
      [META.streams, '[]'],
      [META.streams, '{"r":'],
      [META.marks, '{"r":null}'],
      [META.lossEntries, '[{}]'],
      [META.lossEntries, 'null'],
    ];
    for (const [key, value] of bad) {
      const forged: Record<string, string> = { ...good };
      if (value === undefined) delete forged[key];
      else forged[key] = value;
      assert.equal(parseFileMetadata(forged), null, `${key} = ${value}`);
    }
  });
});

describe('the genesis object', () => {
  const genesis = { logId: LOG_ID, firstOffset: 9, hour: HOUR, format: 'parquet' } as const;

  it('comes back as it was written', () => assert.deepEqual(parseGenesis(formatGenesis(genesis)), genesis));

  it('is refused when it is of another version or not one at all', () => {
    const text = formatGenesis(genesis);
    const bad = [
      '',
      'null',
      '[]',
      text.slice(0, 20),
      text.replace('"version":1', '"version":2'),
      text.replace('9', '-9'),
    ];
    for (const forged of bad) assert.equal(parseGenesis(forged), null, forged);
    assert.equal(parseGenesis(text.replace('parquet', 'orc')), null);
  });
});
