import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHeader } from '../../../../schemas/generate/c-header.ts';
import { FLOW_RECORD, LISTEN_RECORD } from '../../../../schemas/generated/record-offsets.ts';

test('fields lie at multiples of their size, as C lays them', () => {
  const { structs, constants } = parseHeader(
    '#define R_BYTES 24 /* all */\nstruct r {\n\t__u8 a; /* x */\n\t__u32 b_c;\n\t__u16 d[3];\n\t__u64 e;\n};\n',
  );
  assert.deepEqual(
    structs[0]!.fields.map(({ id, offset, bytes }) => [id, offset, bytes]),
    [
      ['a', 0, 1],
      ['bC', 4, 4],
      ['d', 8, 6],
      ['e', 16, 8],
    ],
  );
  assert.equal(structs[0]!.bytes, 24);
  assert.deepEqual(constants, [{ name: 'R_BYTES', value: 24, doc: 'all' }]);
});

test('a size that contradicts its #define, and a line that is not understood, stop the generator', () => {
  assert.throws(() => parseHeader('#define R_BYTES 16\nstruct r {\n\t__u64 a;\n};\n'), /r is 8 bytes/);
  assert.throws(() => parseHeader('#define R_BYTES 8\nstruct r {\n\tint a;\n};\n'), /cannot read "int a;"/);
});

test('the records have their promised sizes', () => {
  assert.equal(FLOW_RECORD.bytes, 256);
  assert.equal(FLOW_RECORD.mssBytes, 220);
  assert.equal(LISTEN_RECORD.bytes, 64);
});
