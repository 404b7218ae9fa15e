import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRange, headerRange, lostSource } from '../../../enricher/source.ts';
import { HEADER, type Headers } from '../../../transport/log.ts';
import { rawBatch, type TestBatch, type TestFlow } from '../../fixtures/enricher-messages.ts';

const headers: Headers = { [HEADER.ring]: 'r', [HEADER.seq]: '4', [HEADER.first]: '10', [HEADER.next]: '12' };
const flow: TestFlow = { local: '10.0.0.1', remote: '10.0.0.2', start: 1, end: 2 };
const loss = {
  stage: 'kernel',
  reason: 'ring_full',
  flows: 3,
  intervalStartUs: 0,
  intervalEndUs: 1,
  intentional: false,
};

test('headers name a stream and a range', () => {
  assert.deepEqual(headerRange(headers), { ring: 'r', seq: 4, first: 10, next: 12 });
});

for (const [name, change] of Object.entries({
  'no ring': { [HEADER.ring]: '' },
  'a ring of any length': { [HEADER.ring]: 'r'.repeat(257) },
  'a number with a sign': { [HEADER.first]: '-1' },
  'a number past 2^53': { [HEADER.next]: '9007199254740993' },
  'no number': { [HEADER.seq]: 'x' },
  'next before first': { [HEADER.next]: '9' },
  'a range of half the world': { [HEADER.next]: '9000000000000000' },
})) {
  test(`headers are unusable with ${name}`, () => assert.equal(headerRange({ ...headers, ...change }), null));
}

const refused = (batch: TestBatch, said: Headers = {}): void => {
  assert.throws(() => checkRange(rawBatch(batch), said), { code: 'WEIR_ENRICHER_RANGE_INVALID' });
};

test('rows and losses that make up the range pass, merged rows with all their numbers', () => {
  checkRange(rawBatch({ flows: [flow, { ...flow, numbers: 5 }], losses: [loss], first: 100 }), {});
  checkRange(rawBatch({ flows: [], first: 7 }), {});
});

test('a batch that contradicts itself or its headers is refused', () => {
  refused({ flows: [flow], next: 2 });
  refused({ flows: [flow], losses: [{ ...loss, flows: -1 }], next: 0 });
  refused({ flows: [{ ...flow, numbers: 0 }] });
  refused({ flows: [flow], losses: [{ ...loss, stage: 'enricher', reason: 'recovered' }] });
  refused({ flows: [flow], ring: '' });
  refused({ flows: [flow], ring: 'other', first: 10, seq: 4 }, headers);
  refused({ flows: [flow], ring: 'r', first: 10, seq: 4 }, headers);
});

test('two rows with one number are refused', () => {
  const batch = rawBatch({ flows: [flow, flow] });
  batch.flows.numberOffset[1] = 0;
  assert.throws(() => checkRange(batch, {}), { code: 'WEIR_ENRICHER_RANGE_INVALID' });
});

test('a lost source tells its whole range, or that nobody knows how many', () => {
  const { losses, ring, next, rows } = lostSource(
    5,
    1000,
    { ...headers, [HEADER.from]: '7', [HEADER.to]: '9' },
    'undecodable',
  );
  assert.deepEqual([ring, next, rows], ['r', 12, 0]);
  assert.deepEqual(losses, [
    {
      stage: 'enricher',
      reason: 'undecodable',
      flows: 2,
      intervalStartUs: 7000,
      intervalEndUs: 9000,
      intentional: false,
    },
  ]);
  const unknown = lostSource(5, 1000, {}, 'undecodable');
  assert.deepEqual([unknown.ring, unknown.losses[0]?.flows, unknown.losses[0]?.intervalStartUs], ['', -1, 1_000_000]);
});
