/** The addresses at which a listener can be reached from outside its namespace. Pure. */
import { hexOf, isV4, isWildcard } from './address.ts';
import type { Listener, NetworkNamespace } from './host-view.ts';

/** Without a connected subnet this many addresses are taken for the machine's own. */
const BARE_ADDRESSES_MAX = 8;

/**
 * A listener at one address is reached there, one at a wildcard at every address of its family. A `::` listener takes
 * IPv4 too, unless somebody listens on the port by IPv4 (then it is V6ONLY, which /proc does not show).
 */
export function addressesOf(
  listener: Listener,
  namespace: NetworkNamespace,
  listeners: readonly Listener[],
): readonly Uint8Array[] {
  if (!isWildcard(listener.addr)) {
    const key = hexOf(listener.addr);
    return namespace.addresses.filter(({ addr }) => hexOf(addr) === key).map(({ addr }) => addr);
  }
  const reachable = ownAddresses(namespace);
  if (isV4(listener.addr)) return reachable.filter((addr) => isV4(addr));
  const others = listeners.filter((other) => other.port === listener.port && isV4(other.addr));
  if (others.some((other) => isWildcard(other.addr))) return reachable.filter((addr) => !isV4(addr));
  const taken = new Set(others.map((other) => hexOf(other.addr)));
  return reachable.filter((addr) => !taken.has(hexOf(addr)));
}

/**
 * Without the addresses that a load balancer parks on the machine (kube-proxy's IPVS puts every Service's address on a
 * dummy device, with no subnet): connections to those end elsewhere.
 */
function ownAddresses(namespace: NetworkNamespace): readonly Uint8Array[] {
  const connected = namespace.addresses.filter(({ prefixLength }) => prefixLength < 128);
  const own = connected.length > 0 || namespace.addresses.length > BARE_ADDRESSES_MAX ? connected : namespace.addresses;
  return own.map(({ addr }) => addr);
}
