/** The weir command: finds the subcommand, parses, runs it, and turns its end into an exit status. */
import { nearest } from '../contract/config.ts';
import { fromUnknown } from '../contract/errors.ts';
import { type Command, configHelp, configOf, parseLine, type Status, usageError } from './command.ts';
import { COMMANDS } from './commands.ts';
import { readConfigFile } from './config-file.ts';
import { printError, printText } from './output.ts';
import { followParent, signalsAsAbort } from './signals.ts';
import { VERSION } from './version.ts';

const USAGE = `weir: every TCP connection, both ends attributed to their workload, as SQL tables

USAGE
  weir COMMAND [FLAGS]

COMMANDS
${COMMANDS.map(({ name, what }) => `  ${name.padEnd(12)} ${what}`).join('\n')}

EXAMPLES
  weir demo                          the whole pipeline on this machine, ending with answers
  weir run                           record this machine until Ctrl-C
  weir query "SELECT count(*) FROM flows"
  weir verify                        is anything missing?

Every command has --help, --config FILE and --debug. Exit status: 0 done, 1 the answer is no,
2 wrong usage or configuration, 3 a dependency failed.
`;

async function runCommand(name: string, command: Command, args: readonly string[]): Promise<Status> {
  const line = parseLine(name, command, args);
  if (line.flags['help'] === true) {
    printText(command.usage.trimStart() + configHelp(command));
    return 0;
  }
  const path = line.flags['config'] ?? process.env['WEIR_CONFIG'];
  const file = typeof path === 'string' ? await readConfigFile(path) : null;
  const config = configOf(command, line, process.env, file);
  const signals = signalsAsAbort();
  try {
    return await command.run({ flags: line.flags, operands: line.operands, config, signal: signals.signal });
  } finally {
    signals.stop();
  }
}

async function main(args: readonly string[]): Promise<Status> {
  const [name, ...rest] = args;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    printText(USAGE);
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === 'version') {
    printText(`${VERSION}\n`);
    return 0;
  }
  const entry = COMMANDS.find((candidate) => candidate.name === name);
  if (entry === undefined) {
    const names = COMMANDS.map((candidate) => candidate.name);
    throw usageError(`there is no weir ${name}; did you mean weir ${nearest(name, names)}? (weir --help lists all)`);
  }
  return runCommand(name, await entry.load(), rest);
}

followParent(process.env['WEIR_PARENT_FD']);
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const known = fromUnknown(error, 'WEIR_INTERNAL', 'a defect in Weir (please report it with --debug)');
  printError(known, process.argv.includes('--debug'));
  process.exitCode = known.exit;
}
// What a library may still hold open (a socket, a worker) must not keep a command that has ended.
setTimeout(() => process.exit(), 2000).unref();
