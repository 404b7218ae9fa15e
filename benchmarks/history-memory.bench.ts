/**
 * `weir enricher` with a million addresses and their history: how long a restart takes until it joins flows again, and
 * what the process weighs. The ownership topic holds two full lists of every reporter, as it would a minute later; it is
 * an embedded log, and the process has the workers that it has by default.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LOG_FILE } from '../cli/reading.ts';
import { topicName, topicSpecs } from '../cli/topics.ts';
import { compileConfig } from '../contract/config.ts';
import { defaultWorkers } from '../enricher/run.ts';
import { Role } from '../schemas/generated/common.ts';
import { decodeEnrichedBatch } from '../schemas/generated/flows-enriched-v1.ts';
import { encodeOwnershipMessage } from '../schemas/generated/ownership-v1.ts';
import { openEmbeddedLog } from '../transport/embedded/embedded-log.ts';
import type { Log, Offset, OutgoingMessage } from '../transport/log.ts';
import { rawInput } from './enriched.ts';
import { type EnricherProcess, peakMbOf, startEnricherProcess } from './enricher-process.ts';
import { fleetOf, HANDED_OVER_US, ownershipOf, putAddress, rawBatchesOf } from './fleet.ts';
import { type Benchmark, type Figure, Hash, type Outcome, type Size } from './harness.ts';
import { cpuUsOf, residentOf } from './process-figures.ts';

/** Made at a time; a fleet of its own, moved to other addresses. */
const SHARE = 10_000;
const MESSAGES_A_REQUEST = 100;
const FLOWS = 1000;
const WAIT_MS = 30_000;
const CONFIG = compileConfig([]);

export const benchmark: Benchmark = {
  name: 'history-memory',
  what: 'weir enricher with a million addresses, half of them with a port, an eighth with one earlier owner or two: memory and restart',
  run,
};

/** The messages of share `share`: nodes, workloads and addresses of its own. */
function* messagesOf(share: number, addresses: number, seq: number): Generator<Uint8Array> {
  for (const message of ownershipOf(fleetOf({ addresses, skew: 'uniform' }))) {
    const { claims } = message;
    for (let i = 0; i < claims.length; i++) {
      if (claims.prefixLength[i] !== 128) continue;
      const at = 16 * i;
      const low = (claims.addr[at + 13]! << 16) | (claims.addr[at + 14]! << 8) | claims.addr[at + 15]!;
      putAddress(claims.addr, at, share * addresses + low);
    }
    const workloads = message.workloads.map((workload) => ({
      ...workload,
      instance: `${workload.instance}-${share}`,
      instanceUid: uidIn(share, workload.instanceUid),
      node: `${workload.node}-${share}`,
    }));
    yield encodeOwnershipMessage({ ...message, workloads, reporter: `${message.reporter}-${share}`, seq });
  }
}

const uidIn = (share: number, uid: string): string =>
  uid.replace(/^8c5e1a52/, (8000_0000 + share).toString().padStart(8, '0'));

/** How many messages, and their bytes. */
async function fill(log: Log, addresses: number): Promise<{ messages: number; bytes: number }> {
  const perShare = Math.min(SHARE, addresses);
  const topic = topicName(CONFIG, 'ownership');
  let batch: OutgoingMessage[] = [];
  let messages = 0;
  let bytes = 0;
  const send = async (): Promise<void> => {
    if (batch.length > 0) await log.produce(topic, 0, batch);
    batch = [];
  };
  for (const seq of [0, 1]) {
    for (let share = 0; share < addresses / perShare; share++) {
      for (const value of messagesOf(share, perShare, seq)) {
        batch.push({ key: null, headers: {}, value });
        messages++;
        bytes += value.byteLength;
        if (batch.length === MESSAGES_A_REQUEST) await send();
      }
    }
  }
  await send();
  return { messages, bytes };
}

/** Flows between two shares: the process names every owner as the fleet does, earlier ones too. */
async function check(log: Log, addresses: number, hash: Hash): Promise<void> {
  const perShare = Math.min(SHARE, addresses);
  const share = addresses / perShare - 1;
  const fleet = fleetOf({ addresses: perShare, skew: 'uniform' });
  const [batch] = rawBatchesOf(fleet, 1, FLOWS);
  const { flows } = batch!;
  const expected = Array.from({ length: FLOWS }, (_, i) => {
    const at = 16 * i;
    const remote = (flows.remoteAddr[at + 13]! << 16) | (flows.remoteAddr[at + 14]! << 8) | flows.remoteAddr[at + 15]!;
    putAddress(flows.remoteAddr, at, share * perShare + remote);
    const isOld = flows.endUs[i]! < HANDED_OVER_US;
    return uidIn(share, fleet.workloads[isOld ? perShare + remote : remote]!.instanceUid);
  });
  const { value, headers } = rawInput(batch!, 0);
  await log.produce(topicName(CONFIG, 'raw'), 0, [{ key: null, headers, value }]);
  const from = 0 as Offset;
  const read = { messagesMax: 1, bytesMax: 1 << 24, waitMs: WAIT_MS };
  const [message] = (await log.read(topicName(CONFIG, 'enriched'), 0, from, read)).messages;
  assert.ok(message, 'an enriched message within half a minute');
  const { flows: rows, workloads } = decodeEnrichedBatch(message.value);
  assert.equal(rows.length, FLOWS);
  for (let i = 0; i < FLOWS; i++) {
    const owner = workloads[(flows.role[i] === Role.client ? rows.dstWorkload : rows.srcWorkload)[i]!];
    assert.equal(owner?.instanceUid, expected[i]);
    hash.add(expected[i]!);
  }
}

async function run(size: Size): Promise<Outcome> {
  const addresses = size === 'full' ? 1_000_000 : 1000;
  const folder = await mkdtemp(join(tmpdir(), 'weir-history-'));
  const hash = new Hash();
  try {
    const log = await openEmbeddedLog({ path: join(folder, LOG_FILE) });
    try {
      await log.ensureTopics(topicSpecs(CONFIG, 1));
      const filled = await fill(log, addresses);
      const enricher = await startEnricherProcess(['--transport-path', folder]);
      try {
        assert.equal(enricher.ownershipNext, filled.messages);
        const figures = figuresOf(size, addresses, filled, enricher);
        await check(log, addresses, hash);
        return { figures, hash: hash.toString() };
      } finally {
        await enricher.stop();
      }
    } finally {
      await log.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function figuresOf(
  size: Size,
  addresses: number,
  { messages, bytes }: { messages: number; bytes: number },
  { pid, readyMs }: EnricherProcess,
): Figure[] {
  const goal = { atMost: 400, from: 'issue 5: 1 million addresses with history in a process' };
  const held = size === 'full' ? { goal } : {};
  return [
    { what: `${addresses} addresses, two full lists each: messages`, value: messages, unit: 'messages' },
    { what: 'of together', value: bytes / 1e6, unit: 'MB' },
    { what: 'from the start of the process until it joins flows', value: readyMs / 1000, unit: 's' },
    { what: 'CPU time until then', value: cpuUsOf(pid) / 1e6, unit: 'CPU-s' },
    { what: `resident memory, ${defaultWorkers()} workers`, value: residentOf(pid).rssMb, unit: 'MB', ...held },
    { what: 'the most until then', value: peakMbOf(pid), unit: 'MB' },
  ];
}
