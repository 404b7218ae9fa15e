/**
 * What a campaign's children do sooner than a fleet's: sessions end, answers count as lost and pauses end after seconds,
 * and a day has 24 hours of fifteen seconds. The rules are untouched.
 */
import { CLIENT_VARIABLE, type SourceEdit } from './edits.ts';

/** A member that is not heard of for so long loses its partitions. */
export const SESSION_MS = 4000;
/** When a client gives an answer up, of Kafka and of S3. */
export const ANSWER_MS = 2500;
/** An hour of the lake. */
export const HOUR_MS = 15_000;

const REAL_HOUR_MS = 3_600_000;

const limits = (values: Readonly<Record<string, readonly [was: string, now: number]>>): SourceEdit[] =>
  Object.entries(values).map(([name, [was, now]]) => ({
    file: 'transport/kafka/options.ts',
    fragment: `  ${name}: ${was},`,
    replacement: `  ${name}: ${now},`,
  }));

const constant = (file: string, name: string, was: string, now: number): SourceEdit => ({
  file,
  fragment: `const ${name} = ${was};`,
  replacement: `const ${name} = ${now};`,
});

/** `epochMs`: from when on the hours are short. */
export function paceEdits(epochMs: number): readonly SourceEdit[] {
  const speed = REAL_HOUR_MS / HOUR_MS;
  return [
    ...limits({
      connectMs: ['5_000', 2500],
      answerMs: ['10_000', ANSWER_MS],
      patienceMs: ['15_000', 5000],
      sessionMs: ['12_000', SESSION_MS],
      heartbeatMs: ['2_000', 700],
      drainMs: ['30_000', 6000],
      stallMs: ['60_000', 15_000],
      metadataMs: ['30_000', 2000],
    }),
    {
      file: 'transport/kafka/kafka-log.ts',
      fragment: "clientId: options.clientId ?? 'weir',",
      replacement: `clientId: process.env['${CLIENT_VARIABLE}'] ?? 'weir',`,
    },
    {
      file: 'schemas/objects.ts',
      fragment: 'const text = new Date(Math.floor(unixMs / HOUR_MS) * HOUR_MS).toISOString();',
      replacement:
        `const fastMs = ${epochMs} + (unixMs - ${epochMs}) * ${speed};` +
        'const text = new Date(Math.floor(fastMs / HOUR_MS) * HOUR_MS).toISOString();',
    },
    constant('sink/store/s3.ts', 'TIMEOUT_MS', '30_000', ANSWER_MS),
    constant('sink/patience.ts', 'PAUSE_MS_MAX', '10_000', 800),
    constant('sidecar/sender.ts', 'PAUSE_MS_MAX', '10_000', 800),
    constant('sidecar/idle-total.ts', 'IDLE_MS', '60_000', 2000),
    constant('sidecar/home-partition.ts', 'LOOK_MS', '30_000', 2000),
    constant('enricher/retry.ts', 'PAUSE_MS_MAX', '5000', 800),
    { file: 'sink/roll.ts', fragment: '= 10 * 60_000;', replacement: '= 2000;' },
  ];
}
