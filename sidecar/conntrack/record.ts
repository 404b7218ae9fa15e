/** `struct conntrack_record` of sidecar/addon/conntrack.h as 32-bit words, little endian. */
export const CONNTRACK_RECORD = {
  bytes: 80,
  words: 20,
  /** Kind in the low byte, zone in the upper half. */
  head: 0,
  id: 1,
  /** From here on what names the connection: four addresses, two pairs of ports. */
  tuple: 2,
} as const;

/** Kinds of a record. */
export const CONNTRACK_NEW = 1;
export const CONNTRACK_DESTROY = 2;
export const CONNTRACK_SEEN = 3;

/** Words of a tuple: the addresses of both ends in either direction, source port in the low half and destination above. */
export const TUPLE = {
  words: 18,
  origSrc: 0,
  origDst: 4,
  replySrc: 8,
  replyDst: 12,
  origPorts: 16,
  replyPorts: 17,
} as const;
