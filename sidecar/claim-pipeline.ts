/** Scans -> claims -> ownership topic: deltas at once, `as of` as heartbeat, the full list now and then. */
import { randomUUID } from 'node:crypto';
import { OWNERSHIP_KIND_SYMBOLS } from '../schemas/generated/common.ts';
import { CONTENT_TYPE_AVRO_SINGLE_OBJECT, HEADER } from '../transport/log.ts';
import { ClaimBook } from './claims.ts';
import type { ListenEvent } from './decode.ts';
import type { HostSnapshot } from './host-view.ts';
import type { SidecarOptions } from './options.ts';
import { OwnershipMessages } from './ownership-messages.ts';
import type { OwnershipPart } from './reporter-messages.ts';
import type { Sender } from './sender.ts';

const FULL_MS = 60_000;
/**
 * With more messages than this waiting for the log no further scan is made: the claims that the next one finds then
 * carry a longer possible interval, which is the truth, and memory stays bounded.
 */
const MESSAGES_WAITING_MAX = 64;

export class ClaimPipeline {
  readonly #options: SidecarOptions;
  readonly #sender: Sender;
  #book = new ClaimBook();
  #messages: OwnershipMessages;
  #asOfUs = 0;
  #settledUs = 0;
  #spokeMs = 0;
  #fullMs = 0;
  #first = true;

  constructor(options: SidecarOptions, epoch: string, sender: Sender) {
    this.#options = options;
    this.#sender = sender;
    this.#messages = this.#begin(epoch, 1);
  }

  /**
   * The wall clock was set by so much. Set forward, everything held goes on. Set back, moments come a second time and
   * who held what in them is to be said anew: a new epoch begins with the next scan, whose `as_of` is its own.
   */
  clockSet(byUs: number): void {
    this.#spokeMs += byUs / 1000;
    this.#fullMs += byUs / 1000;
    if (byUs > 0) return;
    this.#messages = this.#begin(randomUUID(), Math.max(1, this.#messages.reporters));
    this.#book = new ClaimBook();
    this.#first = true;
    this.#asOfUs = 0;
    this.#settledUs = 0;
  }

  #begin(epoch: string, reportersMin: number): OwnershipMessages {
    const { cluster, network, node, heartbeatMs } = this.#options;
    return new OwnershipMessages({ cluster, network, node, epoch, heartbeatMs }, reportersMin);
  }

  get mayScan(): boolean {
    return this.#sender.waiting < MESSAGES_WAITING_MAX;
  }

  /** Look at the machine now and say what changed. `drainedUs`: every listen record up to here was read. */
  async scan(listens: readonly ListenEvent[], nowMs: number, drainedUs: number): Promise<HostSnapshot> {
    const { host } = this.#options;
    const snapshot = await host.snapshot(listens);
    const changes = this.#book.observe(snapshot, listens, (cgroupId, pid, comm) => host.identify(cgroupId, pid, comm));
    this.#settledUs = Math.max(this.#settledUs, changes.asOfUs);
    const previousUs = this.#asOfUs;
    if (this.#first) {
      this.#first = false;
      this.#asOfUs = changes.asOfUs;
      this.#fullMs = nowMs;
      this.#sendLists(() => this.#messages.first(this.#book.open(), this.#asOfUs), nowMs);
    } else if (changes.began.length + changes.ended.length > 0) {
      this.#advance(drainedUs);
      this.#send(this.#messages.delta([...changes.ended, ...changes.began], this.#asOfUs, previousUs), nowMs);
    }
    return snapshot;
  }

  /** The heartbeat, when it is due; the full list, also where so much changes that a heartbeat never is. */
  speak(nowMs: number, drainedUs: number): void {
    if (this.#first || !this.mayScan) return;
    const isFullDue = nowMs - this.#fullMs >= FULL_MS;
    if (!isFullDue && nowMs - this.#spokeMs < this.#options.heartbeatMs) return;
    this.#advance(drainedUs);
    if (!isFullDue) return this.#send(this.#messages.asOf(this.#asOfUs), nowMs);
    this.#fullMs = nowMs;
    this.#sendLists(() => this.#messages.full(this.#book.open(), this.#asOfUs), nowMs);
  }

  /** All open claims end where the last scan saw them. */
  goodbye(nowMs: number, drainedUs: number): void {
    if (this.#first) return;
    this.#advance(drainedUs);
    this.#send(this.#messages.goodbye(this.#asOfUs), nowMs);
  }

  #advance(drainedUs: number): void {
    this.#asOfUs = Math.max(this.#asOfUs, Math.min(this.#settledUs, drainedUs));
  }

  #sendLists(listed: () => readonly OwnershipPart[], nowMs: number): void {
    const { reporters: before } = this.#messages;
    const parts = listed();
    const { reporters } = this.#messages;
    if (reporters > Math.max(1, before)) this.#options.logger.info({ reporters }, 'claims_shared_among_reporters');
    this.#send(parts, nowMs);
  }

  #send(parts: readonly OwnershipPart[], nowMs: number): void {
    const { cluster, node, meter } = this.#options;
    this.#spokeMs = nowMs;
    this.#sender.enqueue(
      parts.map(({ reporter, bytes }) => ({
        key: `${cluster}/${reporter}`,
        value: bytes,
        headers: { [HEADER.contentType]: CONTENT_TYPE_AVRO_SINGLE_OBJECT, [HEADER.node]: node },
      })),
    );
    for (const { kind } of parts) meter.add('weir_sidecar_claims_total', 1, { kind: OWNERSHIP_KIND_SYMBOLS[kind] });
  }
}
