/**
 * Every error that Weir raises on purpose: one table, one class.
 * Callers branch on `disposition`, never on a message. `docs/reference/errors.md` is generated from the table.
 */

/** retry: the same call may succeed later. drop: the input is refused and counted. fatal: the command ends. */
export type Disposition = 'retry' | 'drop' | 'fatal';

/** Exit status of a command that ends with this error (CONTRACT: 2 wrong usage, 3 a dependency failed). */
export type ExitStatus = 1 | 2 | 3;

/** Disposition, exit status, and one sentence: what it means and what to do. */
export type ErrorRow = readonly [disposition: Disposition, exit: ExitStatus, sentence: string];

/** The closed list of codes, grouped by stage. */
export const ERRORS = {
  WEIR_CLI_USAGE: ['fatal', 2, 'The command line is wrong; see --help of the subcommand.'],
  WEIR_CONFIG_UNKNOWN_KEY: ['fatal', 2, 'A configuration key that Weir does not know; the nearest known key is named.'],
  WEIR_CONFIG_INVALID: [
    'fatal',
    2,
    'A configuration value of the wrong type, unit or range; what is allowed is named.',
  ],
  WEIR_CONFIG_UNREADABLE: ['fatal', 2, 'The configuration file cannot be read or is not YAML; the line is named.'],
  WEIR_SCHEMA_TRUNCATED: ['drop', 3, 'The Avro bytes end before the record does.'],
  WEIR_SCHEMA_OVERLONG: [
    'drop',
    3,
    'Bytes are left over after the Avro record, or a varint is longer than its type allows.',
  ],
  WEIR_SCHEMA_UNKNOWN: ['drop', 3, 'The single-object header names a schema that this version does not know.'],
  WEIR_SCHEMA_INVALID: [
    'drop',
    3,
    'A decoded value is impossible: a negative count, an enum or dictionary index out of range.',
  ],
  WEIR_SCHEMA_TOO_LARGE: ['drop', 3, 'A count or length exceeds the bound of its field.'],
  WEIR_TRANSPORT_UNKNOWN_TOPIC: ['fatal', 3, 'The topic or partition does not exist; make it with weir topics.'],
  WEIR_TRANSPORT_TOPIC_MISMATCH: [
    'fatal',
    3,
    'The topic exists with another number of partitions, or the number asked for is not allowed.',
  ],
  WEIR_TRANSPORT_OUT_OF_RANGE: [
    'drop',
    3,
    'The offset is not in the log: retention passed it, or it lies beyond the end.',
  ],
  WEIR_TRANSPORT_MESSAGE_TOO_LARGE: ['drop', 3, 'The message exceeds the limit of its topic.'],
  WEIR_TRANSPORT_UNAVAILABLE: ['retry', 3, 'The log cannot be reached or written now; it is tried again.'],
  WEIR_TRANSPORT_FULL: ['retry', 3, 'The disk of the log is full; free space, the stage goes on by itself.'],
  WEIR_TRANSPORT_CORRUPT: [
    'fatal',
    3,
    'The log file is damaged or is not a Weir log; restore it or choose another data folder.',
  ],
  WEIR_TRANSPORT_VERSION: [
    'fatal',
    3,
    'The log was written by another version of Weir; the message names the version and the command.',
  ],
  WEIR_TRANSPORT_CLOSED: ['fatal', 3, 'The log was closed while a call was under way.'],
  WEIR_TRANSPORT_UNREACHABLE: [
    'fatal',
    3,
    'No broker answered at the start; look at transport.brokers, transport.tls and transport.sasl.',
  ],
  WEIR_TRANSPORT_CREDENTIALS: [
    'fatal',
    3,
    'The broker refused our credentials, or its certificate is not trusted; look at transport.sasl and transport.tls.',
  ],
  WEIR_TRANSPORT_RIGHTS: ['fatal', 3, 'No rights on a topic or group of the broker; it is named.'],
  WEIR_TRANSPORT_BROKER_VERSION: ['fatal', 3, 'The broker is older than Weir needs: Apache Kafka 3.1.'],
  WEIR_TRANSPORT_REGISTRY_UNREACHABLE: [
    'fatal',
    3,
    'The schema registry did not answer at the start; look at transport.registry.',
  ],
  WEIR_TRANSPORT_REGISTRY_REFUSED: [
    'fatal',
    3,
    'The schema registry refuses our credentials or a schema, or is no registry; its own words are in the message.',
  ],
  WEIR_TRANSPORT_FENCED: [
    'retry',
    3,
    'The partition was given to another member of the group meanwhile; its new owner does the work again.',
  ],
  WEIR_SIDECAR_NO_BTF: [
    'fatal',
    3,
    'The kernel has no BTF at /sys/kernel/btf/vmlinux; CONFIG_DEBUG_INFO_BTF is needed.',
  ],
  WEIR_SIDECAR_NO_CGROUP2: ['fatal', 3, 'No cgroup v2 hierarchy is mounted; mount one, or set sidecar.cgroup.'],
  WEIR_SIDECAR_NO_RIGHTS: ['fatal', 3, 'The process lacks CAP_BPF, CAP_PERFMON or CAP_NET_ADMIN.'],
  WEIR_SIDECAR_NO_ADDON: [
    'fatal',
    3,
    'The capture addon is not built for this machine; run npm run setup (needs gcc).',
  ],
  WEIR_SIDECAR_LOAD_FAILED: [
    'fatal',
    3,
    'The kernel refused a capture program; weir doctor tells which and what it costs.',
  ],
  WEIR_SIDECAR_NO_CONNTRACK: [
    'drop',
    3,
    'Connection tracking cannot be read: destinations behind a translation are told as the Service alone.',
  ],
  WEIR_SIDECAR_ADDON_ARGUMENT: ['fatal', 3, 'The addon was called with an argument of the wrong type or size.'],
  WEIR_SIDECAR_RECORD_INVALID: ['drop', 3, 'A ring record of an unknown kind or size; counted as a loss.'],
  WEIR_SIDECAR_RECORDING_INVALID: [
    'fatal',
    3,
    'The recording is cut, forged or not a Weir recording; the byte offset is named.',
  ],
  WEIR_ENRICHER_CLAIM_INVALID: [
    'drop',
    3,
    'An ownership claim that cannot hold: from after to, an absurd prefix, an index out of range.',
  ],
  WEIR_ENRICHER_TABLE_INVALID: [
    'fatal',
    2,
    'A table of address ranges is wrong; file, line and column are named. While running, the table that was read before stays.',
  ],
  WEIR_ENRICHER_GEOIP_INVALID: [
    'fatal',
    2,
    'A file of countries or systems is no whole MMDB file; file and byte are named. While running, the one that was read before stays.',
  ],
  WEIR_ENRICHER_RANGE_INVALID: ['drop', 3, 'A batch whose flow range contradicts its rows and losses.'],
  WEIR_ENRICHER_POISON_RATE: [
    'fatal',
    3,
    'Too many messages are refused: a schema outage rather than poison; the stage stops.',
  ],
  WEIR_SINK_STRADDLE: [
    'fatal',
    3,
    'A source straddles the state of its stream, which cannot happen; the sink refuses to guess.',
  ],
  WEIR_SINK_RANGE_INVALID: [
    'drop',
    3,
    'The flow numbers of a source contradict its rows and losses, or jump absurdly; the message is a dead letter.',
  ],
  WEIR_SINK_STORE_CONDITION: [
    'fatal',
    3,
    'The store does not honour conditional creation; exactly-once cannot hold there.',
  ],
  WEIR_SINK_STORE_FULL: ['retry', 3, 'The disk or bucket of the lake is full; free space, the sink goes on by itself.'],
  WEIR_SINK_STORE_RIGHTS: ['fatal', 3, 'No rights to read or write the lake; the path is named.'],
  WEIR_SINK_STORE_MISSING: ['fatal', 3, 'The bucket of the lake does not exist; make it, or correct lake.uri.'],
  WEIR_SINK_STORE_REFUSED: [
    'fatal',
    3,
    "The store refuses a request as wrong, or answers what was not asked; the server's own code is named.",
  ],
  WEIR_SINK_CACHE_FULL: [
    'fatal',
    2,
    'What is read of the bucket does not fit into its cache on this machine; ask for fewer hours, or raise lake.cacheBytes.',
  ],
  WEIR_SINK_STORE_UNAVAILABLE: ['retry', 3, 'The store does not answer now; the same name is tried again.'],
  WEIR_WATCHER_API: [
    'retry',
    3,
    'The API server does not answer as it should; what is known is kept, and the watcher asks again.',
  ],
  WEIR_WATCHER_EXPIRED: ['retry', 3, 'The API server no longer has what a watch would go on from; it is listed anew.'],
  WEIR_WATCHER_FORBIDDEN: [
    'retry',
    3,
    'The API server refuses the account; grant it what the message names (get, list, watch), the watcher goes on by itself.',
  ],
  WEIR_SINK_EXISTS: ['drop', 3, 'An object of that name exists already: somebody else wrote it, and it wins.'],
  WEIR_SINK_OBJECT_INVALID: [
    'fatal',
    3,
    'An object of the lake is cut, forged or not from Weir; weir verify tells which.',
  ],
  WEIR_SINK_FORMAT: ['fatal', 3, 'The lake was begun in another format or by another version; the message names both.'],
  WEIR_SINK_LOG_TRUNCATED: [
    'fatal',
    3,
    'The log ends before what the lake holds of it: it was cut or restored from an older copy; make the topic anew or choose another lake.',
  ],
  WEIR_SINK_POISON_RATE: [
    'fatal',
    3,
    'Too many enriched messages in a row cannot be read: a schema outage rather than poison; the sink stops.',
  ],
  WEIR_SINK_ENCODE_FAILED: ['retry', 3, 'The encoder of a file failed; the file is not made visible.'],
  WEIR_EXPLORE_QUERY: ['fatal', 2, "The SQL is wrong; the message is the engine's own."],
  WEIR_EXPLORE_FORMAT: [
    'fatal',
    2,
    'weir query reads Parquet, and the lake is of another format; ask it with an engine that reads that one.',
  ],
  WEIR_EXPLORE_NO_LAKE: [
    'fatal',
    2,
    'There is no lake at that place; run weir run or weir demo first, or name --data.',
  ],
  WEIR_DATA_VERSION: [
    'fatal',
    2,
    'The data folder was made by another version of Weir; choose another, or upgrade it as the message says.',
  ],
  WEIR_DATA_RIGHTS: ['fatal', 2, 'The data folder cannot be read or written by this user.'],
  WEIR_DATA_IN_USE: ['fatal', 2, 'Another process holds the data folder or the node; its pid is named.'],
  WEIR_METRICS_LISTEN: ['fatal', 2, 'metrics.listen cannot be bound: the port is in use or not allowed.'],
  WEIR_DEMO_FAILED: ['fatal', 3, 'The demo could not make its fleet; the step is named.'],
  WEIR_INTERNAL: ['fatal', 3, 'A defect in Weir; please report it with the output of --debug.'],
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** The table as it is read: also the proof that every row has its three parts. */
export const ERROR_ROWS: Readonly<Record<ErrorCode, ErrorRow>> = ERRORS;

/** Facts about the failure, for the log line; never secrets. */
export type ErrorContext = Readonly<Record<string, string | number | boolean | null>>;

/** The one error class. `code` is in the table above; `cause` keeps what was converted. */
export class WeirError extends Error {
  readonly code: ErrorCode;
  readonly context: ErrorContext;

  constructor(code: ErrorCode, message: string, context: ErrorContext = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'WeirError';
    this.code = code;
    this.context = context;
  }

  get disposition(): Disposition {
    return ERROR_ROWS[this.code][0];
  }

  get exit(): ExitStatus {
    return ERROR_ROWS[this.code][1];
  }
}

/** Convert anything thrown at an edge; a WeirError stays as it is. */
export function fromUnknown(cause: unknown, code: ErrorCode, what: string, context: ErrorContext = {}): WeirError {
  if (cause instanceof WeirError) return cause;
  const detail = cause instanceof Error ? cause.message : String(cause);
  return new WeirError(code, `${what}: ${detail}`, context, cause);
}
