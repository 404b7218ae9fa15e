/** A ring that holds a given number of records at once, and the machine that they come from. */
import type { FlowSource, SourceCounters, SourceRead, SourceStart } from '../sidecar/flow-source.ts';
import type { Machine } from '../cli/sidecar-parts.ts';
import { FLOW_RECORD, FLOW_ROLE_CLIENT, FLOW_ROLE_SERVER } from '../schemas/generated/record-offsets.ts';
import { FakeHost, namespaceOf } from '../test/fixtures/fake-machine.ts';
import { flowRecord, ringBytes } from '../test/fixtures/ring-bytes.ts';
import { Random } from './harness.ts';

const RECORD_BYTES = 8 + FLOW_RECORD.bytes;
/** Records that are made ahead and come again and again, with times and cookies of their own. */
const TEMPLATES = 8192;
const PODS = 30;
/** One remote end in this many is a pod of the same node. */
const NEAR_EVERY = 4;

const podAddress = (pod: number): string => `10.1.0.${pod + 1}`;

function templates(): Uint8Array {
  const random = new Random(7);
  return ringBytes(
    Array.from({ length: TEMPLATES }, () => {
      const pod = random.below(PODS);
      const isClient = random.below(2) === 0;
      const port = 32_768 + random.below(28_000);
      const isNear = random.below(NEAR_EVERY) === 0;
      const bytes = BigInt(100 + random.below(100_000));
      return flowRecord({
        cgroupId: BigInt(100 + pod),
        netns: 5000 + pod,
        pid: 2000 + pod,
        comm: `server-${pod}`,
        local: podAddress(pod),
        remote: isNear ? podAddress(random.below(PODS)) : `93.184.${random.below(16)}.${random.below(256)}`,
        localPort: isClient ? port : 8080,
        remotePort: isClient ? 8080 : port,
        role: isClient ? FLOW_ROLE_CLIENT : FLOW_ROLE_SERVER,
        bytesSent: bytes,
        bytesReceived: 7n * bytes,
        rttUs: 150 + random.below(2000),
        connectUs: 200 + random.below(2000),
      });
    }),
  );
}

/** `records` flows, as many at once as are asked for, that end when they are read. */
export class RingSource implements FlowSource {
  readonly kind = 'ebpf';
  readonly ended = false;
  readonly pinned = null;
  readonly #records: number;
  readonly #bytes: Uint8Array = templates();
  readonly #startMs: number = performance.timeOrigin + performance.now();
  #read = 0;

  constructor(records: number) {
    this.#records = records;
  }

  /** Flows read so far. */
  get taken(): number {
    return this.#read;
  }

  start(): Promise<SourceStart> {
    const bootToUnixUs = Math.round(1000 * this.#startMs) - 1_000_000;
    return Promise.resolve({ ringId: `bench${Math.round(this.#startMs)}`, bootToUnixUs, jiffiesHz: 250 });
  }

  read(into: Uint8Array): SourceRead {
    const records = Math.min(Math.floor(into.length / RECORD_BYTES), this.#records - this.#read);
    const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
    const nowNs = BigInt(
      Math.round(1e6 * (performance.timeOrigin + performance.now() - this.#startMs)) + 1_000_000_000,
    );
    for (let i = 0; i < records; i++) {
      const from = ((this.#read + i) % TEMPLATES) * RECORD_BYTES;
      const to = i * RECORD_BYTES;
      into.set(this.#bytes.subarray(from, from + RECORD_BYTES), to);
      view.setBigUint64(to + 8 + FLOW_RECORD.endNs, nowNs, true);
      view.setBigUint64(to + 8 + FLOW_RECORD.startNs, nowNs - 1_000_000n, true);
      view.setBigUint64(to + 8 + FLOW_RECORD.openedNs, nowNs - 1_000_000n, true);
      view.setUint32(to + 8 + FLOW_RECORD.cookie, this.#read + i + 1, true);
    }
    this.#read += records;
    return { bytes: records * RECORD_BYTES, position: this.#read * RECORD_BYTES };
  }

  release(): void {
    // The records are made as they are read.
  }

  backlog(): number {
    return 0;
  }

  counters(): SourceCounters {
    return { made: this.#read, dropped: { ring_full: 0 }, listenDropped: 0, stateFull: 0, recursionMisses: {} };
  }

  reportOpen(): Promise<void> {
    return Promise.resolve();
  }

  detach(): Promise<void> {
    return Promise.resolve();
  }

  stop(): Promise<void> {
    return Promise.resolve();
  }
}

/** The pods of the records, each with an address of its own. */
export function ringMachine(source: FlowSource): Machine {
  const host = new FakeHost('bench-node', () => Math.floor(1000 * (performance.timeOrigin + performance.now())));
  for (let pod = 0; pod < PODS; pod++) {
    host.paths.set(100 + pod, `/system.slice/server-${pod}.service`);
    host.namespaces.push(namespaceOf(5000 + pod, [`${podAddress(pod)}/24`], [100 + pod]));
  }
  return { source, host };
}
