/** All benchmarks, in the order in which they run. */
import { benchmark as capture } from './capture.bench.ts';
import { benchmark as codec } from './codec.bench.ts';
import { benchmark as geo } from './geo.bench.ts';
import type { Benchmark } from './harness.ts';
import { benchmark as historyMemory } from './history-memory.bench.ts';
import { benchmark as join } from './join.bench.ts';
import { benchmark as kafkaStages } from './kafka-stages.bench.ts';
import { benchmark as parquet } from './parquet.bench.ts';
import { benchmark as ringToParquet } from './ring-to-parquet.bench.ts';
import { benchmark as verify } from './verify.bench.ts';

export const BENCHMARKS: readonly Benchmark[] = [
  codec,
  join,
  geo,
  historyMemory,
  parquet,
  ringToParquet,
  kafkaStages,
  verify,
  capture,
];
