import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  choiceFlag,
  type Command,
  configHelp,
  configOf,
  countFlag,
  durationFlag,
  parseLine,
} from '../../../cli/command.ts';
import { WeirError } from '../../../contract/errors.ts';

const command: Command = {
  usage: 'usage',
  options: { for: { type: 'string' }, detach: { type: 'boolean' } },
  sections: ['lake', 'transport'],
  defaults: { 'lake.flushAge': 2000 },
  operands: 1,
  run: () => Promise.resolve(0),
};

const usage = (words: string, run: () => unknown): void =>
  assert.throws(run, (error) => {
    assert.ok(error instanceof WeirError && error.code === 'WEIR_CLI_USAGE' && error.exit === 2);
    assert.ok(error.message.includes(words), error.message);
    assert.equal(error.message.includes('\n'), false);
    return true;
  });

test('own flags, configuration flags and operands are read in any order', () => {
  const line = parseLine('x', command, ['--for', '5s', 'operand', '--lake-flush-rows=7', '--lake-path-style']);
  assert.deepEqual(line.operands, ['operand']);
  const config = configOf(command, line, {}, null);
  assert.equal(config['lake.flushRows'], 7);
  assert.equal(config['lake.pathStyle'], true);
  assert.equal(config['lake.flushAge'], 2000);
  assert.equal(durationFlag(line, 'for'), 5000);
});

test('an unknown flag names the nearest one; a flag of a section that the command does not read is unknown', () => {
  usage('did you mean --lake-flush-age?', () => parseLine('x', command, ['--lake-flush-agee', '1s']));
  usage('has no flag --sidecar-node', () => parseLine('x', command, ['--sidecar-node', 'a']));
  usage('has no flag --transport-sasl-password', () => parseLine('x', command, ['--transport-sasl-password', 'a']));
});

test('too many operands and a flag without its value are wrong usage', () => {
  usage('weir x does not take "b"', () => parseLine('x', command, ['a', 'b']));
  usage('--for', () => parseLine('x', command, ['--for']));
  usage('--detach', () => parseLine('x', command, ['--detach=1']));
});

test('values of own flags say what is allowed', () => {
  usage('--for is "soon"; allowed is a duration', () => durationFlag({ flags: { for: 'soon' } }, 'for'));
  usage('--for is "0"', () => durationFlag({ flags: { for: '0' } }, 'for'));
  usage('--seed is "-1"', () => countFlag({ flags: { seed: '-1' } }, 'seed', 9));
  usage('--seed is "10"', () => countFlag({ flags: { seed: '10' } }, 'seed', 9));
  usage('--kill is "all"; allowed is sink, none', () =>
    choiceFlag({ flags: { kill: 'all' } }, 'kill', ['sink', 'none']),
  );
  assert.equal(choiceFlag({ flags: {} }, 'kill', ['sink', 'none']), 'sink');
  assert.equal(countFlag({ flags: {} }, 'seed', 9), null);
});

test('the file comes before the environment and the flags', () => {
  const line = parseLine('x', command, ['--lake-region', 'flag']);
  const file = { path: 'weir.yaml', document: { lake: { region: 'file', flushRows: 1 }, cluster: 'file' } };
  const config = configOf(command, line, { WEIR_CLUSTER: 'env' }, file);
  assert.equal(config['lake.region'], 'flag');
  assert.equal(config['lake.flushRows'], 1);
  assert.equal(config.cluster, 'env');
});

test('the help lists the configuration flags of the sections, secrets left out', () => {
  const help = configHelp(command);
  assert.match(help, /--lake-flush-age \(a duration .*\)\n +An object is closed/);
  assert.doesNotMatch(help, /sidecar-node|password/);
});
