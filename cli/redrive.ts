/**
 * `weir dead-letters redrive`: chosen dead letters become enriched messages, which the sink takes where the lake tells their
 * flows as lost, and else drops. So it may be ended at any point, and run again.
 */
import { readFile } from 'node:fs/promises';
import { systemClock } from '../contract/clock.ts';
import type { Config } from '../contract/config-table.ts';
import { WeirError } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';
import { compileGeo } from '../enricher/geo/compile.ts';
import { Redriver } from '../enricher/redrive.ts';
import { untilDone } from '../enricher/retry.ts';
import type { Log } from '../transport/log.ts';
import {
  flowsOf,
  type FoundLetter,
  type LetterFilter,
  type LetterState,
  readLetters,
  ToldLetters,
} from './dead-letters.ts';
import type { OpenedStore } from './lake-store.ts';
import { topicName } from './topics.ts';

export interface RedriveOptions {
  readonly log: Log;
  readonly lake: OpenedStore;
  readonly config: Config;
  readonly filter: LetterFilter;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** What became of each, as it happens. */
  onLetter(letter: FoundLetter, verdict: string): void;
}

export interface RedriveCounts {
  letters: number;
  /** Letters, rows and flow numbers that were written. */
  redriven: number;
  rows: number;
  flows: number;
  /** Recovered before. */
  before: number;
  /** Left as they are. */
  left: number;
}

/** WEIR_TRANSPORT_*, WEIR_SINK_*, WEIR_ENRICHER_GEOIP_INVALID. */
export async function redrive(options: RedriveOptions): Promise<RedriveCounts> {
  const { log, lake, config, filter, signal } = options;
  const rawTopic = topicName(config, 'raw');
  const told = new ToldLetters(lake.store, rawTopic);
  const counts: RedriveCounts = { letters: 0, redriven: 0, rows: 0, flows: 0, before: 0, left: 0 };
  let redriver: Redriver | null = null;
  const partitions = (await log.describe(topicName(config, 'enriched'))).partitions.length;
  for await (const letter of readLetters(log, topicName(config, 'deadLetters'), filter, signal)) {
    counts.letters++;
    const state = await told.stateOf(letter);
    const why = reasonToLeave(letter, state, rawTopic, partitions);
    if (state === 'recovered') {
      counts.before++;
      options.onLetter(letter, 'recovered before');
      continue;
    }
    redriver ??= why === null ? await openRedriver(options, rawTopic) : null;
    const done = why === null && redriver !== null ? redriver.join(letter) : null;
    if (done === null || done instanceof WeirError) {
      counts.left++;
      options.onLetter(letter, why ?? `refused again: ${done?.code ?? ''}: ${done?.message ?? ''}`);
      continue;
    }
    if (!options.dryRun && !(await send(options, letter, done.out))) break;
    counts.redriven++;
    counts.rows += done.rows;
    counts.flows += done.flows;
    options.onLetter(letter, options.dryRun ? 'would be re-driven' : 're-driven');
  }
  return counts;
}

/** Null: it can be tried. */
function reasonToLeave(letter: FoundLetter, state: LetterState, rawTopic: string, partitions: number): string | null {
  if (letter.stage !== 'enricher' || letter.topic !== rawTopic) {
    return `refused by the ${letter.stage} from ${letter.topic}: its flows are told by the gaps of their streams; see weir replay`;
  }
  if (letter.partition >= partitions) return `the enriched topic has no partition ${letter.partition} any more`;
  if (letter.valueLeftOut !== '') return `its bytes were ${letter.valueLeftOut}`;
  if (flowsOf(letter) === null)
    return 'its headers name no range of flows: the lake tells them by the gap that follows';
  if (state === 'untold')
    return 'the lake does not tell its flows as lost: they are in rows, told too long ago, or not stored yet';
  return null;
}

async function openRedriver(options: RedriveOptions, rawTopic: string): Promise<Redriver> {
  const { log, config, signal } = options;
  const files = await Promise.all(
    config['enricher.geoip'].map(async (name) => ({ name, bytes: await readFile(name) })),
  );
  return Redriver.open({
    ...{ log, rawTopic, signal, ownershipTopic: topicName(config, 'ownership') },
    geo: files.length === 0 ? null : compileGeo(files, 1),
    externalAddresses: config['privacy.externalAddresses'],
    clockSkewMs: config['enricher.clockSkew'],
  });
}

/** False: ended by the signal. */
async function send(
  { log, config, signal, logger }: RedriveOptions,
  { partition }: FoundLetter,
  out: Parameters<Log['produce']>[2][number],
): Promise<boolean> {
  const topic = topicName(config, 'enriched');
  const onRetry = ({ code, message }: WeirError): void => logger.warn({ code, error: message }, 'tried again');
  return (
    (await untilDone(() => log.produce(topic, partition, [out]), { clock: systemClock, signal, onRetry })) !== null
  );
}
