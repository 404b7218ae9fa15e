/** A real registry: Weir's schemas registered, evolving both ways, and read by their ids. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WeirError } from '../../contract/errors.ts';
import { decodeRawBatch, RAW_BATCH_HEADER } from '../../schemas/generated/flows-raw-v1.ts';
import type { Log, Offset } from '../../transport/log.ts';
import { schemaOfTopic } from '../../transport/registry/known-schemas.ts';
import { RegistryClient } from '../../transport/registry/registry-client.ts';
import { openRegistryLog } from '../../transport/registry/registry-log.ts';
import { rawOut } from '../fixtures/enricher-messages.ts';
import { MemoryBroker } from '../fixtures/memory-log.ts';
import { TOPIC_SPECS } from '../fixtures/topic-specs.ts';
import { type Apicurio, startApicurio } from '../servers/apicurio.ts';

const RAW = 'weir.flows.raw.v1';
const FLOWS = { ...TOPIC_SPECS[0]!, name: 'weir.flows.v1' };

let registry: Apicurio;
let broker: MemoryBroker;

before(async () => {
  registry = await startApicurio();
  broker = new MemoryBroker();
});
after(() => registry.stop());

const open = (): Promise<Log> =>
  openRegistryLog(broker.client(), { url: registry.url, userInfo: '', deadLettersTopic: 'weir.dead-letters.v1' });

const batch = () => rawOut({ flows: [{ local: '10.0.0.1', remote: '10.0.0.2', start: 1, end: 2 }] });

async function get(path: string): Promise<Record<string, unknown>> {
  return (await (await fetch(registry.url + path)).json()) as Record<string, unknown>;
}

test('the schemas of all topics are registered once, and may change in both directions only', async () => {
  await (await open()).ensureTopics([...TOPIC_SPECS, FLOWS]);
  await (await open()).ensureTopics([...TOPIC_SPECS, FLOWS]);
  for (const { name } of [...TOPIC_SPECS, FLOWS]) {
    if (schemaOfTopic(name) === null) continue;
    assert.deepEqual(await get(`/subjects/${name}-value/versions`), [1], name);
    assert.equal((await get(`/config/${name}-value`))['compatibilityLevel'], 'FULL_TRANSITIVE', name);
  }
});

test('what one process writes another reads, by ids alone', async () => {
  const writer = await open();
  await writer.produce(RAW, 0, [batch()]);
  const bare = (await broker.client().read(RAW, 0, 0 as Offset, { messagesMax: 1, bytesMax: 1e6, waitMs: 0 })).messages;
  assert.equal(bare[0]!.value[0], 0);
  const read = (await (await open()).read(RAW, 0, 0 as Offset, { messagesMax: 1, bytesMax: 1e6, waitMs: 0 })).messages;
  assert.equal(Buffer.from(read[0]!.value.subarray(0, 10)).toString('hex'), RAW_BATCH_HEADER);
  assert.equal(decodeRawBatch(read[0]!.value).flows.length, 1);
});

test('a schema that breaks the old ones is refused by the registry, with its words', async () => {
  const client = new RegistryClient({ url: registry.url, userInfo: '' });
  const schema = JSON.parse(schemaOfTopic(RAW)!.text) as { fields: { name: string }[] };
  const without = { ...schema, fields: schema.fields.filter(({ name }) => name !== 'seq') };
  await assert.rejects(client.register(`${RAW}-value`, JSON.stringify(without)), (error: unknown) => {
    assert.ok(error instanceof WeirError);
    assert.equal(error.code, 'WEIR_TRANSPORT_REGISTRY_REFUSED');
    assert.match(error.message, /incompatible|RuleViolation/i);
    return true;
  });
  assert.deepEqual(await get(`/subjects/${RAW}-value/versions`), [1]);
  assert.equal(await client.schema(999_999), null);
});
