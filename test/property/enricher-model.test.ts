/**
 * The fast attribution against the slow one, over random claims and flows. WEIR_MODEL_CASES sets how many flows
 * (100,000 by default), WEIR_MODEL_SEED the first world's seed; a failure prints the seed that shows it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchDictionaries } from '../../enricher/dictionaries.ts';
import { Joiner, newEndCounts } from '../../enricher/join.ts';
import { HISTORY_DEFAULTS, OwnershipHistory } from '../../enricher/ownership/history.ts';
import { METHOD_SYMBOLS, NatSource, REASON_SYMBOLS, Reporter, Role } from '../../schemas/generated/common.ts';
import { EnrichedFlowColumns } from '../../schemas/generated/flows-enriched-v1.ts';
import type { RawBatch } from '../../schemas/generated/flows-raw-v1.ts';
import { address, rawBatch, type TestFlow } from '../fixtures/enricher-messages.ts';
import { ownerKey, Reference } from './enricher-reference.ts';
import { ADDRESSES, NETWORKS, OWNERS, PORTS, World } from './enricher-world.ts';

const CASES = Number(process.env['WEIR_MODEL_CASES'] ?? 100_000);
const FIRST_SEED = Number(process.env['WEIR_MODEL_SEED'] ?? 1);
const ROUNDS = 4;
const FLOWS = 60;
/** Scans and claims of the worlds are a few ms apart. */
const CLOCK_SKEWS_MS: readonly number[] = [0, 0, 0.2, 1.5];

interface End {
  readonly owner: string | null;
  readonly reason: string;
  readonly method: string;
  readonly since: number;
}

interface Expected {
  readonly local: End;
  readonly remote: End;
  readonly peerReports: boolean;
}

function flowOf(world: World): TestFlow {
  const { random } = world;
  const start = world.time();
  return {
    local: random.pick(ADDRESSES),
    remote: random.chance(15) ? random.pick(['10.1.0.77', '203.0.113.4', '127.0.0.1', '::1']) : random.pick(ADDRESSES),
    localPort: random.pick(PORTS),
    remotePort: random.chance(10) ? -1 : random.pick([...PORTS, 12345]),
    role: random.pick(['client', 'server', 'unknown']),
    start,
    end: random.chance(40) ? Math.max(start, world.time()) : start + random.below(random.chance(70) ? 50 : 4000),
    localWorkload: random.chance(60) ? random.below(OWNERS.length) : -1,
  };
}

/** Some rows are translated on the way: the far end's address, what the client asked for, or both. */
function translationsOf({ random }: World, flows: number): Pick<RawBatch, 'natAddresses' | 'translations'> {
  const natAddresses = [...ADDRESSES, '127.0.0.1', '198.51.100.99'].map((text) => ({ addr: address(text) }));
  const end = (): readonly [number, number] =>
    random.chance(30) ? [-1, -1] : [random.below(natAddresses.length), random.pick(PORTS)];
  const translations = Array.from({ length: flows }, (_, row) => row)
    .filter(() => random.chance(25))
    .map((row) => {
      const [[localAddr, localPort], [remoteAddr, remotePort]] = [end(), end()];
      return { row, localAddr, localPort, remoteAddr, remotePort, source: NatSource.conntrack };
    });
  return { natAddresses, translations };
}

function expected(
  reference: Reference,
  batch: RawBatch,
  localIsSrc: readonly boolean[],
): { rows: Expected[]; ready: boolean } {
  const { flows, network } = batch;
  let ready = true;
  const byRow = new Map(batch.translations.map((translation) => [translation.row, translation]));
  const rows = Array.from({ length: flows.length }, (_, i): Expected => {
    const [start = 0, end = 0] = [flows.startUs[i], flows.endUs[i]];
    const ask = (addr: Uint8Array, port: number): End & { reported: boolean } => {
      if (isLoopback(addr)) return { owner: null, reason: 'no_claim', method: 'none', since: -1, reported: false };
      const answer = reference.answer(network, addr, port, start, end);
      if (!answer.ready) ready = false;
      return { ...answer, reason: REASON_SYMBOLS[answer.reason] ?? '', method: METHOD_SYMBOLS[answer.method] ?? '' };
    };
    const localPort = flows.role[i] === Role.client ? 0 : (flows.localPort[i] ?? 0);
    const remotePort = flows.role[i] === Role.server ? 0 : (flows.remotePort[i] ?? 0);
    const localAddr = flows.localAddr.subarray(16 * i, 16 * i + 16);
    const captured = batch.workloads[flows.localWorkload[i] ?? -1];
    let local: End;
    if (captured === undefined) local = strip(ask(localAddr, localPort));
    else {
      const since = reference.since(network, localAddr, localPort, start, ownerKey(captured));
      local = { owner: ownerKey(captured), reason: 'none', method: 'local', since };
    }
    const untranslated = ask(flows.remoteAddr.subarray(16 * i, 16 * i + 16), remotePort);
    const translation = byRow.get(i);
    if (translation === undefined) return { local, remote: strip(untranslated), peerReports: untranslated.reported };
    const addrOf = (index: number): Uint8Array => batch.natAddresses[index]?.addr ?? new Uint8Array(16);
    // Asked for what it says of readiness: its Service is not looked at here.
    if (translation.localAddr >= 0) ask(addrOf(translation.localAddr), translation.localPort);
    if (translation.remoteAddr < 0) return { local, remote: strip(untranslated), peerReports: untranslated.reported };
    const isServer = flows.role[i] === Role.server;
    const behind = ask(addrOf(translation.remoteAddr), isServer ? 0 : translation.remotePort);
    const isService = untranslated.reason === 'none' && untranslated.method === 'service';
    const isAsked = behind.reason !== 'none' && localIsSrc[i] === true && !isServer;
    const remote = isAsked && isService ? untranslated : behind;
    return { local, remote: strip(remote), peerReports: behind.reported };
  });
  return { rows, ready };
}

const strip = ({ owner, reason, method, since }: End): End => ({ owner, reason, method, since });

function isLoopback(addr: Uint8Array): boolean {
  const text = Buffer.from(addr).toString('hex');
  return text.startsWith('00000000000000000000ffff7f') || text === '00000000000000000000000000000001';
}

function found(
  joiner: Joiner,
  history: OwnershipHistory,
  batch: RawBatch,
): { rows: Expected[]; ready: boolean; localIsSrc: boolean[] } {
  const ready = joiner.look(batch).length === 0;
  const out = new EnrichedFlowColumns(FLOWS);
  const dictionaries = new BatchDictionaries(history.workloads);
  joiner.write(batch, out, dictionaries, newEndCounts());
  const rows = Array.from({ length: out.length }, (_, row): Expected => {
    const side = (isSrc: boolean): End => {
      const index = (isSrc ? out.srcWorkload : out.dstWorkload)[row] ?? -1;
      const who = dictionaries.workloads[index];
      return {
        owner: who === undefined ? null : ownerKey(who),
        reason: REASON_SYMBOLS[(isSrc ? out.srcReason : out.dstReason)[row] ?? 0] ?? '',
        method: METHOD_SYMBOLS[(isSrc ? out.srcMethod : out.dstMethod)[row] ?? 0] ?? '',
        since: (isSrc ? out.srcSinceUs : out.dstSinceUs)[row] ?? 0,
      };
    };
    const localIsSrc = out.reporter[row] === Reporter.src;
    return { local: side(localIsSrc), remote: side(!localIsSrc), peerReports: out.peerReports[row] === 1 };
  });
  return { rows, ready, localIsSrc: rows.map((_, row) => out.reporter[row] === Reporter.src) };
}

test('the tables say of every end what a full scan of all claims says', () => {
  let cases = 0;
  const seen = new Map<string, number>();
  for (let seed = FIRST_SEED; cases < CASES; seed += 1) {
    const world = new World(seed);
    const clockSkewMs = world.random.pick(CLOCK_SKEWS_MS);
    const history = new OwnershipHistory({ ...HISTORY_DEFAULTS, clockSkewMs });
    const reference = new Reference(1000 * clockSkewMs);
    const joiner = new Joiner(history);
    for (let round = 0; round < ROUNDS; round += 1) {
      // Every tenth world is long: its addresses have histories that are searched and not scanned.
      for (let i = 0; i < (seed % 10 === 0 ? 120 : 10); i += 1) {
        const message = world.next();
        if (message === null) continue;
        const appendMs = Math.ceil(world.nowUs / 1000);
        history.apply(message, appendMs);
        reference.apply(message, appendMs);
      }
      const flows = Array.from({ length: FLOWS }, () => flowOf(world));
      const node = world.random.pick(['n0', 'n1', 'elsewhere']);
      const raw = rawBatch({ network: world.random.pick(NETWORKS), flows, workloads: OWNERS });
      const batch = { ...raw, ...translationsOf(world, FLOWS), node };
      reference.askFrom(batch.cluster, batch.network, node);
      const got = found(joiner, history, batch);
      const want = expected(reference, batch, got.localIsSrc);
      got.rows.forEach((row, i) => {
        assert.deepEqual(row, want.rows[i], `seed ${seed}, round ${round}, flow ${i}: ${JSON.stringify(flows[i])}`);
        for (const { reason, method } of [row.local, row.remote]) {
          const kind = reason === 'none' ? method : reason;
          seen.set(kind, (seen.get(kind) ?? 0) + 1);
        }
      });
      assert.equal(got.ready, want.ready, `readiness, seed ${seed}, round ${round}`);
      cases += FLOWS;
    }
  }
  // The worlds are worth something only if every answer occurs.
  const kinds = [
    'local',
    'port',
    'address',
    'service',
    'node',
    'prefix',
    'no_claim',
    'gap',
    'ambiguous',
    'reporter_silent',
    'hold_expired',
  ];
  for (const kind of kinds) assert.ok((seen.get(kind) ?? 0) > CASES / 1000, `${kind}: ${seen.get(kind)}`);
});
