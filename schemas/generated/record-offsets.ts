// Generated from bpf/flow_record.h by schemas/generate; do not edit.

export const FLOW_RECORD_VERSION = 1;
export const FLOW_RECORD_BYTES = 256;
/** reached CLOSE after it had been established */
export const FLOW_KIND_FINAL = 1;
/** still open */
export const FLOW_KIND_INTERIM = 2;
/** never established */
export const FLOW_KIND_FAILED = 3;
export const FLOW_ROLE_UNKNOWN = 0;
/** connect() */
export const FLOW_ROLE_CLIENT = 1;
/** accept() */
export const FLOW_ROLE_SERVER = 2;
/** older than the capture; opened_ns is 0 */
export const FLOW_FLAG_SEEDED = 1;
export const FLOW_FLAG_FIN_RECEIVED = 2;
/** an AF_INET6 socket with v4-mapped addresses */
export const FLOW_FLAG_V4MAPPED = 4;
/** the state map was full: no role, owner or opening time */
export const FLOW_FLAG_NO_STATE = 8;
/** pid and comm were taken when it was closed */
export const FLOW_FLAG_OWNER_AT_CLOSE = 16;
/** an earlier record of this connection exists */
export const FLOW_FLAG_HAD_INTERIM = 32;
export const LISTEN_RECORD_BYTES = 64;

/** Byte offsets in struct flow_record; `bytes` is its size. */
export const FLOW_RECORD = {
  bytes: 256,
  endNs: 0,
  startNs: 8,
  openedNs: 16,
  cookie: 24,
  cgroupId: 32,
  netns: 40,
  pid: 44,
  uid: 48,
  interimCount: 52,
  comm: 56,
  localAddr: 72,
  remoteAddr: 88,
  localPort: 104,
  remotePort: 106,
  family: 108,
  kind: 109,
  role: 110,
  oldState: 111,
  error: 112,
  flags: 114,
  skShutdown: 116,
  bytesSent: 120,
  bytesReceived: 128,
  bytesRetransmitted: 136,
  unsentBytes: 144,
  segmentsSent: 152,
  segmentsReceived: 156,
  dataSegmentsSent: 160,
  dataSegmentsReceived: 164,
  retransmittedSegments: 168,
  lostSegments: 172,
  reorderingEvents: 176,
  outOfOrderSegments: 180,
  rtoTimeouts: 184,
  rttUs: 188,
  rttVarUs: 192,
  rttMinUs: 196,
  connectUs: 200,
  busyJiffies: 204,
  rwndLimitedJiffies: 208,
  sndbufLimitedJiffies: 212,
  sndCwndSegments: 216,
  mssBytes: 220,
} as const;

/** Byte offsets in struct listen_record; `bytes` is its size. */
export const LISTEN_RECORD = {
  bytes: 64,
  atNs: 0,
  cookie: 8,
  cgroupId: 16,
  netns: 24,
  pid: 28,
  comm: 32,
  port: 48,
  family: 50,
} as const;
