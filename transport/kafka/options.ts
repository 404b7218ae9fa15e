/** What a log on Kafka is opened with. */
import type { SecureContextOptions } from 'node:tls';
import type { Clock } from '../../contract/clock.ts';
import type { Logger } from '../../contract/log.ts';

export type KafkaSasl =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      readonly password: string;
    }
  | {
      readonly mechanism: 'oauthbearer';
      /** Asked for a token at each connection, and before a session ends: of MSK IAM, or an identity provider. */
      readonly token: () => Promise<string>;
    };

/** What TLS may be told beyond the system's own authorities. */
export interface KafkaTls extends Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'passphrase'> {
  /** When it differs from the name that is connected to. */
  readonly servername?: string;
}

export interface KafkaLogOptions {
  /** host:port of brokers to ask first. */
  readonly brokers: readonly string[];
  /** true: the system's authorities. Without it: no TLS. */
  readonly tls?: boolean | KafkaTls;
  readonly sasl?: KafkaSasl;
  /** How brokers name us in their logs and quotas. Default `weir`. */
  readonly clientId?: string;
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly limits?: Partial<KafkaLimits>;
}

/** Times in ms, sizes in bytes. The defaults suit a fleet; tests shorten them. */
export interface KafkaLimits {
  /** TCP, TLS and the versions of one connection. */
  readonly connectMs: number;
  /** How long an open of the log looks for a broker that answers. */
  readonly openMs: number;
  /** An answer that is late by this is not waited for: the connection is dropped. */
  readonly answerMs: number;
  /** Longer than `answerMs`. How long a call is tried again by itself before WEIR_TRANSPORT_UNAVAILABLE. */
  readonly patienceMs: number;
  /** A member that is not heard of for so long loses its partitions. */
  readonly sessionMs: number;
  readonly heartbeatMs: number;
  /** How long a rebalance waits for runs to drain before it goes on without them. */
  readonly drainMs: number;
  /** Asked for messages, some are there, none came for so long: a new member on new connections. */
  readonly stallMs: number;
  /** How long what is known of a topic is believed; how often a member looks for partitions that were added. */
  readonly metadataMs: number;
  /** Values that wait to be acknowledged; produce calls beyond it wait. */
  readonly queueBytesMax: number;
  /** Records of one batch once decompressed. */
  readonly batchBytesMax: number;
  /** Connections to one broker that wait for messages; more reads at once take turns. */
  readonly fetchLanesMax: number;
}

const MIB = 1024 * 1024;

export const KAFKA_LIMITS: KafkaLimits = {
  connectMs: 5_000,
  openMs: 20_000,
  answerMs: 10_000,
  patienceMs: 15_000,
  sessionMs: 12_000,
  heartbeatMs: 2_000,
  drainMs: 30_000,
  stallMs: 60_000,
  metadataMs: 30_000,
  queueBytesMax: 64 * MIB,
  batchBytesMax: 64 * MIB,
  fetchLanesMax: 32,
};
