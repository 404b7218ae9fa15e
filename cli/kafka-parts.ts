/** The log on Kafka from a configuration. */
import { readFile } from 'node:fs/promises';
import type { Config, ConfigKey } from '../contract/config-table.ts';
import { fromUnknown, WeirError } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';
import { openKafkaLog } from '../transport/kafka/kafka-log.ts';
import type { KafkaSasl, KafkaTls } from '../transport/kafka/options.ts';
import type { Log } from '../transport/log.ts';

/** WEIR_CONFIG_INVALID, WEIR_TRANSPORT_UNREACHABLE, WEIR_TRANSPORT_CREDENTIALS. */
export async function openKafkaLogFrom(config: Config, logger?: Logger): Promise<Log> {
  const brokers = config['transport.brokers'];
  if (brokers.length === 0) throw invalid('transport.brokers', 'is empty; name a broker, host:port');
  const sasl = saslOf(config);
  return openKafkaLog({
    brokers,
    tls: await tlsOf(config),
    ...(sasl === null ? {} : { sasl }),
    ...(logger === undefined ? {} : { logger }),
  });
}

async function tlsOf(config: Config): Promise<boolean | KafkaTls> {
  const ca = await fileOf(config, 'transport.tlsCa');
  const cert = await fileOf(config, 'transport.tlsCert');
  const key = await fileOf(config, 'transport.tlsKey');
  if ((cert === null) !== (key === null))
    throw invalid('transport.tlsCert', 'and transport.tlsKey go together; one of them is empty');
  const isNamed = ca !== null || cert !== null;
  if (!config['transport.tls']) {
    if (isNamed) throw invalid('transport.tls', 'is off, and TLS files are named; switch it on, or leave them out');
    return false;
  }
  return isNamed ? { ...(ca === null ? {} : { ca }), ...(cert === null || key === null ? {} : { cert, key }) } : true;
}

function saslOf(config: Config): KafkaSasl | null {
  const mechanism = config['transport.sasl'];
  if (mechanism === 'none') return null;
  if (mechanism === 'oauthbearer') {
    if (config['transport.saslTokenFile'] === '')
      throw invalid('transport.saslTokenFile', 'is empty, and transport.sasl is oauthbearer');
    return { mechanism, token: async () => ((await fileOf(config, 'transport.saslTokenFile')) ?? '').trim() };
  }
  const username = config['transport.saslUsername'];
  const password = config['transport.saslPassword'];
  if (username === '' || password === '')
    throw invalid('transport.saslUsername', `or transport.saslPassword is empty, and transport.sasl is ${mechanism}`);
  return { mechanism, username, password };
}

/** Null when the key is empty. */
async function fileOf(
  config: Config,
  key: Extract<ConfigKey, 'transport.tlsCa' | 'transport.tlsCert' | 'transport.tlsKey' | 'transport.saslTokenFile'>,
): Promise<string | null> {
  const path = config[key];
  if (path === '') return null;
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw fromUnknown(error, 'WEIR_CONFIG_INVALID', `${key}: ${path} cannot be read`, { key, path });
  }
}

const invalid = (key: ConfigKey, why: string): WeirError =>
  new WeirError('WEIR_CONFIG_INVALID', `${key} ${why}`, { key });
