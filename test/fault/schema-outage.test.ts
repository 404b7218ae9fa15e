import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbeddedLog } from '../../transport/embedded/embedded-log.ts';
import { TOPIC_SPECS } from '../fixtures/topic-specs.ts';
import { outageScenario } from './schema-outage-scenario.ts';

outageScenario('on the embedded log', async (folder) => {
  const data = join(folder, 'data');
  for (const name of ['log', 'lake']) mkdirSync(join(data, name), { recursive: true });
  writeFileSync(join(data, 'weir-data.json'), '{"version":1}\n');
  const log = await openEmbeddedLog({ path: join(data, 'log', 'weir.sqlite') });
  await log.ensureTopics(TOPIC_SPECS);
  return { log, transport: ['--data', data], reading: ['--data', data], lake: join(data, 'lake') };
});
