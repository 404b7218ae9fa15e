/**
 * Every configuration key, once: the parser, the flags, the environment variables and docs/reference/config.md are
 * all made from this table. Durations are milliseconds and sizes bytes in the compiled configuration.
 */

/** The compiled configuration, frozen: what stages read. */
export interface Config {
  readonly cluster: string;
  readonly network: string;
  readonly 'transport.kind': 'kafka' | 'embedded';
  readonly 'transport.brokers': readonly string[];
  readonly 'transport.tls': boolean;
  readonly 'transport.tlsCa': string;
  readonly 'transport.tlsCert': string;
  readonly 'transport.tlsKey': string;
  readonly 'transport.sasl': 'none' | 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer';
  readonly 'transport.saslUsername': string;
  readonly 'transport.saslPassword': string;
  readonly 'transport.saslTokenFile': string;
  readonly 'transport.topicPrefix': string;
  readonly 'transport.partitions': number;
  readonly 'transport.registry': string;
  readonly 'transport.registryUserInfo': string;
  readonly 'transport.flowTopic': boolean;
  readonly 'transport.path': string;
  readonly 'transport.retention': number;
  readonly 'transport.retentionBytes': number;
  readonly 'lake.uri': string;
  readonly 'lake.endpoint': string;
  readonly 'lake.region': string;
  readonly 'lake.pathStyle': boolean;
  readonly 'lake.cache': string;
  readonly 'lake.cacheBytes': number;
  readonly 'lake.format': 'parquet' | 'avro';
  readonly 'lake.flushAge': number;
  readonly 'lake.flushRows': number;
  readonly 'sidecar.node': string;
  readonly 'sidecar.interval': number;
  readonly 'sidecar.heartbeat': number;
  readonly 'sidecar.scan': number;
  readonly 'sidecar.ringPoll': number;
  readonly 'sidecar.ringBytes': number;
  readonly 'sidecar.batchFlows': number;
  readonly 'sidecar.batchAge': number;
  readonly 'sidecar.spool': string;
  readonly 'sidecar.spoolBytes': number;
  readonly 'sidecar.pin': string;
  readonly 'sidecar.cgroup': string;
  readonly 'sidecar.conntrack': boolean;
  readonly 'enricher.hold': number;
  readonly 'enricher.clockSkew': number;
  readonly 'enricher.workers': number;
  readonly 'enricher.tables': readonly string[];
  readonly 'enricher.geoip': readonly string[];
  readonly 'enricher.labels': readonly string[];
  readonly 'watcher.kubeconfig': string;
  readonly 'privacy.externalAddresses': 'keep' | 'truncate' | 'drop';
  readonly 'privacy.dropColumns': readonly string[];
  readonly 'metrics.listen': string;
  readonly 'log.level': 'debug' | 'info' | 'warn' | 'error';
  readonly 'log.format': 'json' | 'text';
}

export type ConfigKey = keyof Config;

export type FieldType = 'string' | 'enum' | 'list' | 'bool' | 'int' | 'duration' | 'size';

export interface Field<V = unknown> {
  readonly type: FieldType;
  readonly default: V;
  /** Of a number: int, duration (ms), size (bytes). */
  readonly min?: number;
  readonly max?: number;
  /** Of an enum. */
  readonly values?: readonly string[];
  /** What a string or a list's element must look like, and how to say it. */
  readonly pattern?: { readonly regex: RegExp; readonly says: string };
  /** A credential: from the environment or the file, never a flag, never printed. */
  readonly secret?: boolean;
  /** What it sets; what an empty default means. */
  readonly sentence: string;
}

const SECOND = 1000;
const MINUTE: number = 60 * SECOND;
const HOUR: number = 60 * MINUTE;
const KIB = 1024;
const MIB: number = 1024 * KIB;

const NAME = { regex: /^[A-Za-z0-9._-]{1,128}$/, says: 'letters, digits, ".", "_" and "-", at most 128' };
const NAME_OR_EMPTY = { regex: /^[A-Za-z0-9._-]{0,128}$/, says: NAME.says };
const PORT = '(\\d{1,4}|[1-5]\\d{4}|6[0-4]\\d{3}|65[0-4]\\d{2}|655[0-2]\\d|6553[0-5])';
const ADDRESS = '(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9._-]+)';
const HOST_PORT = { regex: new RegExp(`^${ADDRESS}:${PORT}$`), says: 'host:port' };
const LISTEN = { regex: new RegExp(`^(off|${ADDRESS}:${PORT})$`), says: 'address:port, or off' };
const URL_OR_EMPTY = { regex: /^(https?:\/\/[^\s@]+)?$/, says: 'an http or https address' };

const text = (sentence: string, value = '', pattern?: Field['pattern']): Field<string> => ({
  type: 'string',
  default: value,
  sentence,
  ...(pattern === undefined ? {} : { pattern }),
});
const list = (sentence: string, pattern?: Field['pattern']): Field<readonly string[]> => ({
  type: 'list',
  default: [],
  sentence,
  ...(pattern === undefined ? {} : { pattern }),
});
const flag = (sentence: string, value = false): Field<boolean> => ({ type: 'bool', default: value, sentence });
const oneOf = <V extends string>(values: readonly V[], value: V, sentence: string): Field<V> => ({
  type: 'enum',
  values,
  default: value,
  sentence,
});
const amount =
  (type: 'int' | 'duration' | 'size') =>
  (value: number, min: number, max: number, sentence: string): Field<number> => ({
    type,
    default: value,
    min,
    max,
    sentence,
  });
const int = amount('int');
const duration = amount('duration');
const size = amount('size');

/** In the order in which the reference shows them. */
export const FIELDS: { readonly [K in ConfigKey]: Field<Config[K]> } = {
  cluster: text('Name of the cluster: a column of every row, and the scope of workloads.', 'local', NAME),
  network: text(
    'Scope of addresses: the same range in two networks stays apart. Empty: the cluster.',
    '',
    NAME_OR_EMPTY,
  ),
  'transport.kind': oneOf(['kafka', 'embedded'], 'embedded', 'The log between the stages: Apache Kafka, or SQLite.'),
  'transport.brokers': list('Brokers to ask first, host:port.', HOST_PORT),
  'transport.tls': flag('Connect to the brokers with TLS.'),
  'transport.tlsCa': text('PEM file of the authorities to trust for the brokers; empty: those of the system.'),
  'transport.tlsCert': text('PEM file of our certificate, for brokers that ask for one.'),
  'transport.tlsKey': text('PEM file of the key of that certificate.'),
  'transport.sasl': oneOf(
    ['none', 'plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'],
    'none',
    'How to authenticate to the brokers.',
  ),
  'transport.saslUsername': text('User at the brokers.'),
  'transport.saslPassword': { ...text('Password at the brokers.'), secret: true },
  'transport.saslTokenFile': text('File with the OAUTHBEARER token; read anew at each connection.'),
  'transport.topicPrefix': text('Every topic begins with it.', 'weir.', NAME_OR_EMPTY),
  'transport.partitions': int(1, 1, 1024, 'Partitions of the raw and the enriched topic when weir topics makes them.'),
  'transport.registry': text(
    'Schema registry (the Confluent API): values are then in its wire format; empty: Avro single-object encoding.',
    '',
    URL_OR_EMPTY,
  ),
  'transport.registryUserInfo': { ...text('Credentials at the registry, user:password.'), secret: true },
  'transport.flowTopic': flag('Write every flow as a message of its own too, for programs that want rows. Dear.'),
  'transport.path': text('Folder of the embedded log; empty: DIR/log of --data DIR.'),
  'transport.retention': duration(24 * HOUR, MINUTE, 365 * 24 * HOUR, 'How long flows stay in the log.'),
  'transport.retentionBytes': size(4096 * MIB, MIB, MIB * MIB, 'How much of a partition stays in the log.'),
  'lake.uri': text('Where the tables are: s3://bucket/prefix or a folder; empty: DIR/lake of --data DIR.'),
  'lake.endpoint': text('Endpoint of an S3 server that is not AWS.', '', URL_OR_EMPTY),
  'lake.region': text('Region of the bucket.', 'us-east-1', NAME),
  'lake.pathStyle': flag('Name the bucket in the path instead of the host.'),
  'lake.cache': text('Folder for what is read of a bucket and for files on their way there; empty: ~/.cache/weir.'),
  'lake.cacheBytes': size(4096 * MIB, 16 * MIB, MIB * MIB, 'How much of a bucket is kept there.'),
  'lake.format': oneOf(['parquet', 'avro'], 'parquet', 'Format of the objects.'),
  'lake.flushAge': duration(30 * SECOND, 100, HOUR, 'An object is closed at the latest this long after its first row.'),
  'lake.flushRows': int(1_000_000, 1, 10_000_000, 'An object is closed once it has this many rows.'),
  'sidecar.node': text('Name of this node; empty: the host name.', '', NAME_OR_EMPTY),
  'sidecar.interval': duration(MINUTE, SECOND, HOUR, 'How often open connections are reported.'),
  'sidecar.heartbeat': duration(5 * SECOND, 100, MINUTE, 'How often claims of ownership are repeated.'),
  'sidecar.scan': duration(SECOND, 50, MINUTE, 'How often addresses and listeners of this machine are looked at.'),
  'sidecar.ringPoll': duration(100, 5, 10 * SECOND, 'How often the ring is drained.'),
  'sidecar.ringBytes': size(4 * MIB, 64 * KIB, 1024 * MIB, 'Size of the ring; a power of two.'),
  'sidecar.batchFlows': int(1000, 1, 16_384, 'A batch is closed once it has this many flows.'),
  'sidecar.batchAge': duration(SECOND, 10, MINUTE, 'A batch is closed at the latest this long after its first flow.'),
  'sidecar.spool': text('Folder where batches wait while the log is away; empty: they wait in the ring.'),
  'sidecar.spoolBytes': size(1024 * MIB, 16 * MIB, MIB * MIB, 'How much waits there at most.'),
  'sidecar.pin': text(
    'Folder on a bpffs where the capture outlives a killed sidecar; off: nowhere; empty: /sys/fs/bpf/weir/NODE where one is mounted.',
  ),
  'sidecar.cgroup': text('Watch only this cgroup and below, a path; empty: the whole machine.'),
  'sidecar.conntrack': flag(
    'Follow translated connections (NAT) of the network namespace that the sidecar runs in.',
    true,
  ),
  'enricher.hold': duration(15 * SECOND, 0, 10 * MINUTE, 'How long a batch waits for the claims that it needs.'),
  'enricher.clockSkew': duration(
    10,
    0,
    MINUTE,
    'How far the clocks of two nodes may be apart; an owner is not named within this time of a hand-over.',
  ),
  'enricher.workers': int(0, 0, 64, 'Worker threads; 0: one less than the machine has cores, at least one.'),
  'enricher.tables': list('Files (CSV, JSON) that name address ranges.'),
  'enricher.geoip': list('MMDB files that name the rest of the internet.'),
  'enricher.labels': list('Label keys that may become part of a row; others are left out.'),
  'watcher.kubeconfig': text('How to reach the API server; empty: as a pod in its cluster.'),
  'privacy.externalAddresses': oneOf(
    ['keep', 'truncate', 'drop'],
    'keep',
    'What becomes of public addresses: kept, cut to /24 and /48, or left out.',
  ),
  'privacy.dropColumns': list('Columns of the table that are always null.', {
    regex: /^[a-z][a-z0-9_]*$/,
    says: 'a column name',
  }),
  'metrics.listen': text('Where /metrics, /healthz and /readyz are served; off: nowhere.', '127.0.0.1:9464', LISTEN),
  'log.level': oneOf(['debug', 'info', 'warn', 'error'], 'info', 'The least important line that is logged.'),
  'log.format': oneOf(['json', 'text'], 'json', 'Log lines on standard error as JSON, or for people.'),
};

export const CONFIG_KEYS: readonly ConfigKey[] = Object.keys(FIELDS) as ConfigKey[];

const splitWords = (key: string): string[] => key.replace(/([a-z0-9])([A-Z])/g, '$1.$2').split('.');

/** `lake.flushAge` -> `WEIR_LAKE_FLUSH_AGE`. */
export const envName = (key: string): string => `WEIR_${splitWords(key).join('_').toUpperCase()}`;

/** `lake.flushAge` -> `lake-flush-age`. */
export const flagName = (key: string): string => splitWords(key).join('-').toLowerCase();
