/** npm run faults: see scripts/faults.mjs. The last line of standard output is one JSON object. */
import { parseArgs } from 'node:util';
import { type CampaignOptions, type CampaignResult, runCampaign } from './campaign.ts';
import { type Plant, PLANTS } from './plants.ts';

const USAGE = `npm run faults -- [--seed N] [--rounds R] [--seconds S] [--brokers 1|3] [--fault NAME]...
npm run faults -- --plant NAME    one bug is planted, and must be found
npm run faults -- --plants        each bug in a run of its own

  --seconds S   begin no round after so many
  --fault NAME  these in every round, in place of a choice by the seed

PLANTS
${PLANTS.map(({ name, rule, rounds }) => `  ${name.padEnd(26)} within ${rounds} rounds; left out: ${rule}`).join('\n')}
`;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '10' },
    brokers: { type: 'string', default: '1' },
    seconds: { type: 'string' },
    plant: { type: 'string', multiple: true },
    plants: { type: 'boolean', default: false },
    fault: { type: 'string', multiple: true },
    help: { type: 'boolean', default: false },
  },
});

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const print = (line: string): void => void process.stdout.write(`${line}\n`);

const options: Omit<CampaignOptions, 'plant'> = {
  seed: Number(values.seed),
  rounds: Number(values.rounds),
  brokers: values.brokers === '3' ? 3 : 1,
  say,
  ...(values.seconds === undefined ? {} : { secondsMax: Number(values.seconds) }),
  ...(values.fault === undefined ? {} : { only: values.fault }),
};

function planted(name: string): Plant {
  const plant = PLANTS.find((each) => each.name === name);
  if (plant === undefined) throw new Error(`there is no plant ${name}\n${USAGE}`);
  return plant;
}

/** By what the lake or the topics hold: that a stage ended by itself is no proof. */
const isRed = ({ findings }: CampaignResult): boolean => findings.some((finding) => !/ended by itself/.test(finding));

/** What gave it away first. */
function colourOf(result: CampaignResult): string {
  const { findings, rounds, doubled, lost, toldTwice, unexplained } = result;
  if (!isRed(result)) return `GREEN after ${rounds} rounds`;
  const by = `${doubled} doubled, ${lost} lost, ${toldTwice} told twice, ${unexplained} lost without a reason`;
  return `red in round ${rounds}: ${by}; ${findings.length} findings`;
}

/** False when one of them was not found. */
async function plantThem(plants: readonly Plant[]): Promise<boolean> {
  const results: CampaignResult[] = [];
  for (const plant of plants) {
    say(`== ${plant.name}: ${plant.rule}`);
    const result = await runCampaign({ ...options, rounds: plant.rounds, plant });
    for (const finding of result.findings) say(finding.slice(0, 600));
    results.push(result);
    say(`${plant.name.padEnd(26)} ${colourOf(result)} (${result.seconds} s)`);
  }
  for (const result of results) print(`${String(result.plant).padEnd(26)} ${colourOf(result)} (${result.seconds} s)`);
  const found = results.filter(isRed).map(({ plant }) => plant);
  const missed = results.filter((result) => !isRed(result)).map(({ plant }) => plant);
  print(JSON.stringify({ seed: options.seed, planted: results.length, found: found.length, missed }));
  return missed.length === 0;
}

async function campaign(): Promise<boolean> {
  const result = await runCampaign({ ...options, plant: null });
  for (const finding of result.findings) say(finding);
  print(JSON.stringify(result));
  return result.findings.length === 0;
}

if (values.help) print(USAGE);
else if (values.plants) process.exitCode = (await plantThem(PLANTS)) ? 0 : 1;
else if (values.plant !== undefined) process.exitCode = (await plantThem(values.plant.map(planted))) ? 0 : 1;
else process.exitCode = (await campaign()) ? 0 : 1;
