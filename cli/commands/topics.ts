import { join } from 'node:path';
import { WeirError } from '../../contract/errors.ts';
import type { Log, TopicDescription } from '../../transport/log.ts';
import { choiceFlag, type Command, type Invocation, type Status, textFlag, usageError } from '../command.ts';
import { openDataFolder } from '../data-folder.ts';
import { FORMATS, printRows } from '../output.ts';
import { LOG_FILE, openLog } from '../reading.ts';
import { topicSpecs } from '../topics.ts';

export const command: Command = {
  usage: `weir topics: makes and checks the topics

USAGE
  weir topics list    the topics with their partitions and offsets
  weir topics make    makes those that are missing

FLAGS
  --data DIR               the embedded log of this data folder
  --format table|json|csv  default table

EXIT STATUS
  0 all are there, 1 one is missing (list)

EXAMPLES
  weir topics list --data weir-data
  weir topics make --transport-path /var/lib/weir/log --transport-partitions 4
`,
  options: { data: { type: 'string' }, format: { type: 'string' } },
  sections: ['transport'],
  operands: 1,
  run,
};

async function run(invocation: Invocation): Promise<Status> {
  const [action] = invocation.operands;
  if (action !== 'list' && action !== 'make')
    throw usageError('weir topics takes list or make; see weir topics --help');
  const format = choiceFlag(invocation, 'format', FORMATS);
  const data = textFlag(invocation, 'data');
  const log = await openLog(invocation.config, data === null ? null : join(openDataFolder(data).log, LOG_FILE));
  try {
    const specs = topicSpecs(invocation.config);
    if (action === 'make') await log.ensureTopics(specs);
    const rows: unknown[][] = [];
    let missing = 0;
    for (const { name } of specs) {
      const found = await describe(log, name);
      if (found === null) {
        missing++;
        rows.push([name, 'missing', null, null, null]);
      }
      found?.partitions.forEach(({ start, end }, index) => rows.push([name, found.id, index, start, end]));
    }
    printRows(['topic', 'id', 'partition', 'first offset', 'next offset'], rows, format);
    return missing === 0 ? 0 : 1;
  } finally {
    await log.close();
  }
}

async function describe(log: Log, name: string): Promise<TopicDescription | null> {
  try {
    return await log.describe(name);
  } catch (error) {
    if (error instanceof WeirError && error.code === 'WEIR_TRANSPORT_UNKNOWN_TOPIC') return null;
    throw error;
  }
}
