/** What the raw topic of a data folder holds, read through the log itself. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { WeirError } from '../../contract/errors.ts';
import { decodeRawBatch } from '../../schemas/generated/flows-raw-v1.ts';
import { openEmbeddedLog } from '../../transport/embedded/embedded-log.ts';
import type { Log, Message, Offset } from '../../transport/log.ts';

export interface RawFlow {
  /** Both ports, and the bytes of both directions: the same whatever end is called src. */
  readonly ports: number;
  readonly bytes: number;
}

export interface RawTopic {
  /** partition/offset -> digest of the message's bytes. */
  readonly messages: ReadonlyMap<string, string>;
  /** "ring number" -> what the row says; a batch that is there twice counts once. */
  readonly flows: ReadonlyMap<string, RawFlow>;
  readonly rings: ReadonlySet<string>;
  /** Flow numbers told as lost. */
  readonly lost: number;
}

const TOPIC = 'weir.flows.raw.v1';

/** Null where there is no such topic yet. */
export async function readRawTopic(data: string): Promise<RawTopic | null> {
  const path = join(data, 'log', 'weir.sqlite');
  if (!existsSync(path)) return null;
  const log = await openEmbeddedLog({ path });
  try {
    return await readAll(log);
  } catch (error) {
    if (error instanceof WeirError && error.code === 'WEIR_TRANSPORT_UNKNOWN_TOPIC') return null;
    throw error;
  } finally {
    await log.close();
  }
}

async function readAll(log: Log): Promise<RawTopic> {
  const messages = new Map<string, string>();
  const flows = new Map<string, RawFlow>();
  const batches = new Set<string>();
  const rings = new Set<string>();
  let lost = 0;
  const { partitions } = await log.describe(TOPIC);
  for (const [partition, { start }] of partitions.entries()) {
    for await (const message of messagesOf(log, partition, start)) {
      messages.set(`${partition}/${message.offset}`, createHash('sha256').update(message.value).digest('hex'));
      const batch = decodeRawBatch(message.value);
      if (batches.has(`${batch.ring} ${batch.seq}`)) continue;
      batches.add(`${batch.ring} ${batch.seq}`);
      rings.add(batch.ring);
      lost += batch.losses.reduce((sum, loss) => sum + loss.flows, 0);
      const { flows: rows } = batch;
      for (let row = 0; row < rows.length; row++) {
        flows.set(`${batch.ring} ${batch.first + rows.numberOffset[row]!}`, {
          ports: rows.localPort[row]! + rows.remotePort[row]!,
          bytes: rows.bytesSent[row]! + rows.bytesReceived[row]!,
        });
      }
    }
  }
  return { messages, flows, rings, lost };
}

async function* messagesOf(log: Log, partition: number, start: Offset): AsyncGenerator<Message> {
  for (let next = start; ; ) {
    const read = await log.read(TOPIC, partition, next, { messagesMax: 1000, bytesMax: 16 << 20, waitMs: 0 });
    yield* read.messages;
    const last = read.messages.at(-1);
    if (last === undefined) return;
    next = (last.offset + 1) as Offset;
  }
}
