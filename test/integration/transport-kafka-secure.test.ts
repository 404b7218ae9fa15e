/** TLS, SASL and rights against a real broker: what works, and one clear error for what does not. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { WeirError } from '../../contract/errors.ts';
import { type KafkaLog, openKafkaLog } from '../../transport/kafka/kafka-log.ts';
import type { KafkaSasl } from '../../transport/kafka/options.ts';
import { type KafkaCluster, startKafka } from '../servers/kafka.ts';
import { KAFKA_USERS } from '../servers/kafka-config.ts';
import { message, offset, readCount, rejectsWith, text, topicSpec } from './transport-contract.ts';

let kafka: KafkaCluster;
let admin: KafkaLog;
let topic: string;
let ca: string;

const LIMITS = { openMs: 1_500, connectMs: 1_500, answerMs: 1_500, patienceMs: 2_000 };

before(async () => {
  // Sessions end after 3 s: every SASL connection must authenticate anew, with a new token.
  kafka = await startKafka({ secure: true, extra: { 'connections.max.reauth.ms': '3000' } });
  ca = kafka.certificate ?? '';
  admin = await openKafkaLog({ brokers: kafka.addresses() });
  const spec = topicSpec({ partitions: 1 });
  await admin.ensureTopics([spec]);
  topic = spec.name;
});
after(async () => {
  await admin.close();
  await kafka.stop();
});

const weir = (
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512',
  password: string = KAFKA_USERS.weir,
): KafkaSasl => ({
  mechanism,
  username: 'weir',
  password,
});

/** As the broker's unsecured validator takes it: a JWT without a signature. */
function unsignedToken(subject: string): string {
  const part = (content: object): string => Buffer.from(JSON.stringify(content)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  return `${part({ alg: 'none' })}.${part({ sub: subject, iat: now, exp: now + 3600 })}.`;
}

async function worksWith(log: KafkaLog): Promise<void> {
  try {
    const value = randomUUID();
    const [at] = await log.produce(topic, 0, [message(value)]);
    const [found] = await readCount(log, topic, 0, at ?? 0, 1);
    assert.equal(found === undefined ? null : text(found), value);
    await log.commit(`g.${value}`, topic, 0, offset(1));
  } finally {
    await log.close();
  }
}

test('TLS with the certificate of an authority that we name', async () => {
  await worksWith(await openKafkaLog({ brokers: kafka.addresses('ssl'), tls: { ca } }));
});

test('SASL over TLS: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512', async () => {
  for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const)
    await worksWith(await openKafkaLog({ brokers: kafka.addresses('saslSsl'), tls: { ca }, sasl: weir(mechanism) }));
});

test('OAUTHBEARER asks the provider for a token at each connection', async () => {
  let asked = 0;
  const token = (): Promise<string> => {
    asked++;
    return Promise.resolve(unsignedToken('weir'));
  };
  const sasl: KafkaSasl = { mechanism: 'oauthbearer', token };
  const log = await openKafkaLog({ brokers: kafka.addresses('saslSsl'), tls: { ca }, sasl });
  await log.produce(topic, 0, [message('before the session ends')]);
  assert.ok(asked >= 2, `${asked} tokens for several connections`);
  await pause(3_500);
  const before = asked;
  await worksWith(log);
  assert.ok(asked > before, 'a session that ended is begun anew');
});

test('a wrong password and an unknown authority are told as credentials, at once and fatal', async () => {
  const startMs = performance.now();
  const brokers = kafka.addresses('saslPlain');
  for (const mechanism of ['plain', 'scram-sha-256'] as const) {
    const opening = openKafkaLog({ brokers, sasl: weir(mechanism, 'wrong'), limits: LIMITS });
    await assert.rejects(opening, (error: unknown) => {
      assert.ok(error instanceof WeirError);
      assert.equal(error.code, 'WEIR_TRANSPORT_CREDENTIALS');
      assert.equal(error.exit, 3);
      assert.ok(!error.message.includes('wrong'), 'the password is not in the message');
      return true;
    });
  }
  const untrusted = openKafkaLog({ brokers: kafka.addresses('ssl'), tls: true, limits: LIMITS });
  await rejectsWith('WEIR_TRANSPORT_CREDENTIALS', untrusted);
  assert.ok(performance.now() - startMs < 6_000);
});

test('no broker, no TLS where TLS is wanted, and TLS where none is, are told as unreachable', async () => {
  for (const options of [
    { brokers: ['127.0.0.1:1'] },
    { brokers: ['nowhere.invalid:9092'] },
    { brokers: kafka.addresses('ssl') },
    { brokers: kafka.addresses('plain'), tls: { ca } },
    { brokers: kafka.addresses('saslPlain') },
  ]) {
    const opening = openKafkaLog({ ...options, limits: LIMITS });
    await rejectsWith('WEIR_TRANSPORT_UNREACHABLE', opening);
  }
  await rejectsWith('WEIR_CONFIG_INVALID', openKafkaLog({ brokers: ['kafka'], limits: LIMITS }));
});

test('without rights on a topic or a group every call names it, fatal', async () => {
  const sasl: KafkaSasl = { mechanism: 'plain', username: 'guest', password: KAFKA_USERS.guest };
  const log = await openKafkaLog({ brokers: kafka.addresses('saslPlain'), sasl, limits: LIMITS });
  try {
    const refused = (call: Promise<unknown>): Promise<void> => rejectsWith('WEIR_TRANSPORT_RIGHTS', call);
    await refused(log.describe(topic));
    await refused(log.produce(topic, 0, [message('a')]));
    await refused(log.read(topic, 0, offset(0), { messagesMax: 1, bytesMax: 1, waitMs: 0 }));
    await refused(log.ensureTopics([topicSpec()]));
    await refused(log.join('guests', topic, () => Promise.resolve()));
  } finally {
    await log.close();
  }
});
