/** server.properties of a broker for tests: KRaft, broker and controller in one process, small, everything on loopback. */
import { join } from 'node:path';

/** Users of the secure listener, known to all mechanisms. `guest` may log in and has no rights. */
export const KAFKA_USERS = { weir: 'weir-secret', guest: 'guest-secret' } as const;

export interface BrokerPorts {
  readonly plain: number;
  readonly controller: number;
  /** SASL over TLS, TLS alone, SASL without TLS; 0 without `secure`. */
  readonly saslSsl: number;
  readonly ssl: number;
  readonly saslPlain: number;
}

export interface BrokerConfig {
  readonly node: number;
  readonly folder: string;
  readonly ports: BrokerPorts;
  /** node -> port, of all controllers. */
  readonly controllers: ReadonlyMap<number, number>;
  /** What clients are told to connect to for the plain listener: a proxy in front of it. */
  readonly advertisedPort: number;
  /** PEM files of the TLS listeners; null without them. */
  readonly tls: { readonly keyAndCert: string; readonly cert: string } | null;
  readonly extra: Readonly<Record<string, string>>;
}

export function brokerProperties(config: BrokerConfig): string {
  const { node, folder, ports, controllers, tls } = config;
  const replicas = String(Math.min(controllers.size, 3));
  const inSync = controllers.size >= 3 ? '2' : '1';
  const voters = [...controllers].map(([id, port]) => `${id}@127.0.0.1:${port}`).join(',');
  const properties: Record<string, string> = {
    'process.roles': 'broker,controller',
    'node.id': String(node),
    'controller.quorum.voters': voters,
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'PLAINTEXT',
    listeners: `PLAINTEXT://127.0.0.1:${ports.plain},CONTROLLER://127.0.0.1:${ports.controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${config.advertisedPort}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(folder, 'data'),
    'num.partitions': '1',
    'default.replication.factor': replicas,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSync,
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': inSync,
    'share.coordinator.state.topic.num.partitions': '1',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    'auto.create.topics.enable': 'false',
    // Fail-over in 3 s instead of 9 to 30; where there is nobody to fail over to, a busy machine only fences the broker.
    ...(controllers.size < 3 ? {} : { 'broker.session.timeout.ms': '3000', 'broker.heartbeat.interval.ms': '500' }),
    'num.network.threads': '2',
    'num.io.threads': '4',
    'log.cleaner.dedupe.buffer.size': '4194304',
    'log.segment.bytes': '134217728',
    ...(tls === null ? {} : secureProperties(ports, config.advertisedPort, tls)),
    ...config.extra,
  };
  return `${Object.entries(properties)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`;
}

const MODULES = 'org.apache.kafka.common.security';

function secureProperties(
  ports: BrokerPorts,
  advertisedPort: number,
  tls: { readonly keyAndCert: string; readonly cert: string },
): Record<string, string> {
  const { plain, controller, saslSsl, ssl, saslPlain } = ports;
  const secured = `SSL://127.0.0.1:${ssl},SASL_SSL://127.0.0.1:${saslSsl},SASL_PLAINTEXT://127.0.0.1:${saslPlain}`;
  const users = Object.entries(KAFKA_USERS)
    .map(([name, password]) => `user_${name}="${password}"`)
    .join(' ');
  const properties: Record<string, string> = {
    listeners: `PLAINTEXT://127.0.0.1:${plain},CONTROLLER://127.0.0.1:${controller},${secured}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${advertisedPort},${secured}`,
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': tls.keyAndCert,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': tls.cert,
    'ssl.client.auth': 'none',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:ANONYMOUS;User:weir',
  };
  for (const listener of ['sasl_ssl', 'sasl_plaintext']) {
    const login = (mechanism: string): string => `listener.name.${listener}.${mechanism}.sasl.jaas.config`;
    properties[login('plain')] = `${MODULES}.plain.PlainLoginModule required ${users};`;
    properties[login('scram-sha-256')] = `${MODULES}.scram.ScramLoginModule required;`;
    properties[login('scram-sha-512')] = `${MODULES}.scram.ScramLoginModule required;`;
    properties[login('oauthbearer')] =
      `${MODULES}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";`;
  }
  return properties;
}

export const LOG4J_PROPERTIES = `rootLogger.level=INFO
rootLogger.appenderRef.s.ref=S
appender.s.type=Console
appender.s.name=S
appender.s.layout.type=PatternLayout
appender.s.layout.pattern=%d %p %c %m%n
status=error
`;
