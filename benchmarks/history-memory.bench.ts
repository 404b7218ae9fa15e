/**
 * A million addresses with their history in one process: what they weigh, and how long their full lists take to be read
 * at a start, the first time and again. Another process makes the messages, so that only the history is weighed.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { OwnershipHistory } from '../enricher/ownership/history.ts';
import { keyDetail } from '../enricher/ownership/entries.ts';
import { encodeOwnershipMessage } from '../schemas/generated/ownership-v1.ts';
import { AS_OF_US, fleetOf, NETWORK, ownershipOf, putAddress } from './fleet.ts';
import { type Benchmark, type Figure, Hash, type Outcome, type Size } from './harness.ts';

const ADDRESSES_FULL = 1_000_000;
/** Made at a time; a fleet of its own, moved to other addresses. */
const SHARE = 10_000;
/** `fleet.ts`: one message is one node's. */
const ADDRESSES_OF_NODE = 50;

export const benchmark: Benchmark = {
  name: 'history-memory',
  what: 'a million addresses, half of them with a port, an eighth with an earlier owner: memory and reading',
  run,
};

/** In the process that makes them: one message after another, each behind its length. */
async function emit(addresses: number): Promise<void> {
  const perShare = Math.min(SHARE, addresses);
  for (const seq of [0, 1]) {
    for (let share = 0; share < addresses / perShare; share++) {
      for (const bytes of messagesOf(share, perShare, seq)) {
        const framed = Buffer.allocUnsafe(4 + bytes.byteLength);
        framed.writeUInt32LE(bytes.byteLength);
        framed.set(bytes, 4);
        if (!process.stdout.write(framed)) await once(process.stdout, 'drain');
      }
    }
  }
}

/** Give each message that the other process makes to `take`. */
async function receive(addresses: number, take: (bytes: Uint8Array) => void): Promise<void> {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), '--emit', String(addresses)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= 4 && rest.length - at - 4 >= rest.readUInt32LE(at)) {
      const length = rest.readUInt32LE(at);
      take(rest.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    rest = rest.subarray(at);
  }
}

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
      instanceUid: workload.instanceUid.replace(/^8c5e1a52/, (8000_0000 + share).toString().padStart(8, '0')),
      node: `${workload.node}-${share}`,
    }));
    yield encodeOwnershipMessage({ ...message, workloads, reporter: `${message.reporter}-${share}`, seq });
  }
}

async function run(size: Size): Promise<Outcome> {
  const addresses = size === 'full' ? ADDRESSES_FULL : 1000;
  const history = new OwnershipHistory();
  const turns = [
    { us: 0, claims: 0 },
    { us: 0, claims: 0 },
  ];
  const messages = addresses / ADDRESSES_OF_NODE;
  let taken = 0;
  await receive(addresses, (bytes) => {
    const turn = turns[taken < messages ? 0 : 1]!;
    taken++;
    const began = process.hrtime.bigint();
    turn.claims += history.applyBytes(bytes, AS_OF_US / 1000).claims;
    turn.us += Number(process.hrtime.bigint() - began) / 1000;
  });
  const figures = ['read for the first time', 'read again'].flatMap((what, i): Figure[] => {
    const { us, claims } = turns[i]!;
    return [
      { what: `a claim, ${what}, decoding included`, value: us / claims, unit: 'us a claim' },
      { what: `${addresses} addresses, ${what}`, value: us / 1e6, unit: 's' },
    ];
  });
  const network = history.findNetwork(NETWORK);
  assert.ok(network);
  assert.equal(history.workloads.size, addresses + addresses / 8);
  const words = new Uint8Array(16);
  const hash = new Hash();
  for (let i = 0; i < addresses; i += 997) {
    putAddress(words, 0, i);
    const entry = history.entries.find(new Int32Array(words.buffer), 0, keyDetail(0, 128), network.id);
    assert.ok(entry >= 0);
    hash.add(history.workloads.get(history.claims.workload(history.entries.block(entry))).instanceUid);
  }
  const { rss, heapUsed } = process.memoryUsage();
  const goal = { atMost: 400, from: 'issue 5: 1 million addresses with history in a process' };
  figures.push({
    what: 'resident memory of the process',
    value: rss / 1e6,
    unit: 'MB',
    ...(size === 'full' ? { goal } : {}),
  });
  figures.push({ what: 'of it, the heap in use', value: heapUsed / 1e6, unit: 'MB' });
  return { figures, hash: hash.toString() };
}

if (process.argv[2] === '--emit') await emit(Number(process.argv[3]));
