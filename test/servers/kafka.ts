/** A real Apache Kafka for tests: one broker or three, on loopback, under a temporary folder. Stopped by pid. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BrokerProcess } from './broker-process.ts';
import { type BrokerPorts, brokerProperties, KAFKA_USERS, LOG4J_PROPERTIES } from './kafka-config.ts';
import { installKafka, type KafkaInstall } from './kafka-install.ts';
import { freePorts } from './ports.ts';
import { requireProgram, runProgram } from './programs.ts';

export interface KafkaOptions {
  /** Default 1; with 3, topics have three replicas and two must be in sync. */
  readonly brokers?: 1 | 3;
  /** TLS and SASL listeners beside the plain one, and an authorizer. */
  readonly secure?: boolean;
  /** Ports that clients are told in place of the plain listeners' own, by index of the broker: of a proxy. */
  readonly advertisedPorts?: readonly number[];
  /** More of server.properties. */
  readonly extra?: Readonly<Record<string, string>>;
}

const PORTS_A_BROKER = 5;

/** Starts it and waits until every broker serves. About 3 s with one broker, 10 s with three. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaCluster> {
  const install = await installKafka();
  const folder = await mkdtemp(join(tmpdir(), 'weir-kafka-'));
  try {
    const cluster = await layOut(install, folder, options);
    await cluster.start();
    return cluster;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function layOut(install: KafkaInstall, folder: string, options: KafkaOptions): Promise<KafkaCluster> {
  const count = options.brokers ?? 1;
  const free = await freePorts(PORTS_A_BROKER * count);
  const tls = options.secure === true ? await makeKey(folder) : null;
  const ports = Array.from({ length: count }, (_, index): BrokerPorts => {
    const [plain = 0, controller = 0, saslSsl = 0, ssl = 0, saslPlain = 0] = free.slice(index * PORTS_A_BROKER);
    return { plain, controller, saslSsl, ssl, saslPlain };
  });
  const controllers = new Map(ports.map((each, index) => [index + 1, each.controller]));
  const clusterId = randomBytes(16).toString('base64url');
  const brokers = await Promise.all(
    ports.map(async (each, index) => {
      const node = index + 1;
      const home = join(folder, String(node));
      await mkdir(join(home, 'data'), { recursive: true });
      const advertisedPort = options.advertisedPorts?.[index] ?? each.plain;
      const properties = { node, folder: home, ports: each, controllers, advertisedPort, tls };
      const file = join(home, 'server.properties');
      await writeFile(file, brokerProperties({ ...properties, extra: options.extra ?? {} }));
      await writeFile(join(home, 'log4j2.properties'), LOG4J_PROPERTIES);
      await format(install, { file, home, node, clusterId, secure: tls !== null });
      return new BrokerProcess(install, node, home);
    }),
  );
  return new KafkaCluster(folder, brokers, ports, tls === null ? null : await readFile(tls.cert, 'utf8'));
}

/** Without SCRAM users meta.properties is all that a fresh node needs; with them Kafka's own tool writes its files. */
async function format(
  { java, classPath }: KafkaInstall,
  node: { file: string; home: string; node: number; clusterId: string; secure: boolean },
): Promise<void> {
  if (!node.secure) {
    const meta = `version=1\ncluster.id=${node.clusterId}\nnode.id=${node.node}\n`;
    return writeFile(join(node.home, 'data', 'meta.properties'), meta);
  }
  const users = Object.entries(KAFKA_USERS).flatMap(([name, password]) =>
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
      '--add-scram',
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  );
  const jvm = ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', classPath];
  await runProgram(java, [
    ...jvm,
    'kafka.tools.StorageTool',
    'format',
    '-t',
    node.clusterId,
    '-c',
    node.file,
    ...users,
  ]);
}

async function makeKey(folder: string): Promise<{ keyAndCert: string; cert: string }> {
  const openssl = requireProgram('openssl', 'the TLS listener of Kafka', 'install openssl');
  const [key, cert, keyAndCert] = [join(folder, 'key.pem'), join(folder, 'cert.pem'), join(folder, 'both.pem')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await runProgram(openssl, ['req', '-x509', ...curve, '-days', '2', ...subject, '-keyout', key, '-out', cert]);
  await writeFile(keyAndCert, (await readFile(key, 'utf8')) + (await readFile(cert, 'utf8')), { mode: 0o600 });
  return { keyAndCert, cert };
}

export class KafkaCluster {
  readonly folder: string;
  /** By index; node ids are index + 1. */
  readonly brokers: readonly BrokerProcess[];
  readonly ports: readonly BrokerPorts[];
  /** PEM of the self-signed certificate of the TLS listeners; null without them. */
  readonly certificate: string | null;

  constructor(
    folder: string,
    brokers: readonly BrokerProcess[],
    ports: readonly BrokerPorts[],
    certificate: string | null,
  ) {
    this.folder = folder;
    this.brokers = brokers;
    this.ports = ports;
    this.certificate = certificate;
  }

  /** host:port of every broker's listener. */
  addresses(listener: Exclude<keyof BrokerPorts, 'controller'> = 'plain'): string[] {
    return this.ports.map((each) => `127.0.0.1:${each[listener]}`);
  }

  /** All brokers at once: a quorum needs a majority to begin. */
  async start(): Promise<void> {
    try {
      await Promise.all(this.brokers.map((broker) => broker.start()));
    } catch (error) {
      await Promise.all(this.brokers.map((broker) => broker.kill()));
      throw error;
    }
  }

  /** Ends every broker at once and removes the folder: nothing of it is looked at later. */
  async stop(): Promise<void> {
    await Promise.all(this.brokers.map((broker) => broker.kill()));
    await rm(this.folder, { recursive: true, force: true });
  }
}
