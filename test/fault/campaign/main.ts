/** npm run faults: see scripts/faults.mjs. The last line of standard output is one JSON object. */
import { parseArgs } from 'node:util';
import { runCampaign } from './campaign.ts';
import { PLANTS } from './plants.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '10' },
    brokers: { type: 'string', default: '1' },
    seconds: { type: 'string' },
    plant: { type: 'string' },
    only: { type: 'string', multiple: true },
  },
});

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const plant = values.plant === undefined ? null : PLANTS.find(({ name }) => name === values.plant);
if (plant === undefined)
  throw new Error(`no plant ${values.plant}; there are ${PLANTS.map(({ name }) => name).join(', ')}`);
const result = await runCampaign({
  seed: Number(values.seed),
  rounds: Number(values.rounds),
  brokers: values.brokers === '3' ? 3 : 1,
  plant,
  say,
  ...(values.seconds === undefined ? {} : { secondsMax: Number(values.seconds) }),
  ...(values.only === undefined ? {} : { only: values.only }),
});
for (const finding of result.findings) say(finding);
process.stdout.write(`${JSON.stringify(result)}\n`);
process.exitCode = result.findings.length === 0 ? 0 : 1;
