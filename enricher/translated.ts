/**
 * Rows whose addresses are translated on the way. The far end is who holds the address behind the translation, never who
 * holds the one before it; the Service is who holds the address that the client asked for.
 */
import { int32Words } from '../schemas/columns.ts';
import type { LocalTranslation } from '../schemas/generated/common.ts';
import { Role } from '../schemas/generated/common.ts';
import type { RawBatch } from '../schemas/generated/flows-raw-v1.ts';
import { checkTranslations } from '../schemas/translations.ts';
import type { BatchDictionaries } from './dictionaries.ts';
import type { EndpointDictionary } from './endpoints.ts';
import type { Sides } from './orient.ts';
import { isLoopback } from './ownership/address.ts';

const NO_SLOT = -1;

/** Fails: WEIR_SCHEMA_INVALID. */
export function checkRawTranslations({ translations, natAddresses, flows }: RawBatch): void {
  checkTranslations(translations, flows.length, natAddresses.length, (t) => [
    t.row,
    t.localAddr,
    t.localPort,
    t.remoteAddr,
    t.remotePort,
  ]);
}

/** Whether the other end opened the connection: what is translated of this one is then what its client asked for. */
export const isServed = (batch: RawBatch, { row }: LocalTranslation): boolean => batch.flows.role[row] === Role.server;

export class TranslatedEnds {
  /** By number of the translation: the slot of the address that the client asked for, -1: the row's own will do. */
  serviceSlots: Int32Array = new Int32Array(0);

  /** The far ends' slots, in place of those of the addresses that the sockets saw. */
  collect(batch: RawBatch, ends: EndpointDictionary, remoteSlots: Int32Array): void {
    const { translations, natAddresses, flows } = batch;
    if (translations.length > this.serviceSlots.length) this.serviceSlots = new Int32Array(translations.length);
    const words = addressWords(natAddresses.map(({ addr }) => addr));
    const slot = (address: number, port: number, owner: number, endUs: number): number =>
      isLoopback(words, 4 * address) ? NO_SLOT : ends.slot(words, 4 * address, port, owner, endUs);
    translations.forEach((translation, k) => {
      const { row, localAddr, localPort, remoteAddr, remotePort } = translation;
      const endUs = flows.endUs[row]!;
      const served = isServed(batch, translation);
      const asked = localAddr < 0 ? NO_SLOT : slot(localAddr, Math.max(localPort, 0), -1, endUs);
      this.serviceSlots[k] = served ? asked : remoteSlots[row]!;
      if (remoteAddr < 0) return;
      // The port of the end that opened a connection is any.
      const listens = served ? 0 : Math.max(remotePort, 0);
      remoteSlots[row] = slot(remoteAddr, listens, flows.remoteWorkload[row]!, endUs);
    });
  }
}

/** The translations as the enriched batch has them, its rows from `base` on. */
export function writeTranslations(
  { translations, natAddresses }: RawBatch,
  base: number,
  sides: Sides,
  dictionaries: BatchDictionaries,
): void {
  const index = (address: number): number =>
    address < 0 ? -1 : dictionaries.addNatAddress(natAddresses[address]!.addr);
  for (const { row, localAddr, localPort, remoteAddr, remotePort, source } of translations) {
    const local = { addr: index(localAddr), port: localPort };
    const remote = { addr: index(remoteAddr), port: remotePort };
    const [src, dst] = sides[row] === 1 ? [local, remote] : [remote, local];
    dictionaries.translations.push({
      row: base + row,
      srcAddr: src.addr,
      srcPort: src.port,
      dstAddr: dst.addr,
      dstPort: dst.port,
      source,
    });
  }
}

function addressWords(addresses: readonly Uint8Array[]): Int32Array {
  const bytes = new Uint8Array(16 * addresses.length);
  addresses.forEach((addr, i) => bytes.set(addr, 16 * i));
  return int32Words(bytes);
}
