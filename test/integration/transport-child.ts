/**
 * A process of its own that produces to an embedded log: several streams, each with one produce in flight, each
 * produce with one to three messages `<tag>:<stream>:<n>` padded to a random size. Every acknowledged message is told
 * on stdout as `<text> <offset>`, by a write that a kill cannot tear from the acknowledgement.
 * A parent with an IPC channel is told that it is ready, and says when to begin.
 * Arguments: path, topic, tag, streams, messages a stream (0: until killed), seed.
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { openEmbeddedLog } from '../../transport/embedded/embedded-log.ts';
import type { OutgoingMessage } from '../../transport/log.ts';
import { randomFrom } from './transport-random.ts';

const BYTES_MAX = 24 * 1024;

const [path = '', topic = '', tag = '', streams = '1', count = '0', seed = '1'] = process.argv.slice(2);
const log = await openEmbeddedLog({ path });
const random = randomFrom(Number(seed));

function padded(text: string): OutgoingMessage {
  const value = new Uint8Array(text.length + random(BYTES_MAX));
  new TextEncoder().encodeInto(text, value);
  return { key: tag, value, headers: { 'weir-seq': text } };
}

async function produce(stream: number): Promise<void> {
  const last = count === '0' ? Number.POSITIVE_INFINITY : Number(count);
  for (let next = 0; next < last; ) {
    const texts = Array.from(
      { length: Math.min(1 + random(3), last - next) },
      (_, i) => `${tag}:${stream}:${next + i}`,
    );
    const offsets = await log.produce(topic, 0, texts.map(padded));
    writeSync(1, texts.map((text, index) => `${text} ${offsets[index]}\n`).join(''));
    next += texts.length;
  }
}

if (process.send !== undefined) {
  process.send('ready');
  await once(process, 'message');
  process.disconnect();
}
await Promise.all(Array.from({ length: Number(streams) }, (_, stream) => produce(stream)));
await log.close();
