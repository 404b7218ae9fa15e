/** Rows of `flows` as messages of one flow each: Avro in single-object encoding, by the schema of the table's columns. */
import avsc from 'avsc';
import { decodeEnrichedBatch, EnrichedFlowColumns } from '../schemas/generated/flows-enriched-v1.ts';
import { headerHex } from '../schemas/generate/fingerprint.ts';
import { flowMessageSchema } from '../schemas/table-avro.ts';
import { TABLES } from '../schemas/tables.ts';
import { CONTENT_TYPE_AVRO_SINGLE_OBJECT, HEADER, type OutgoingMessage } from '../transport/log.ts';
import { type Row, rowFiller } from './format/avro.ts';
import type { TableData } from './format/columns.ts';
import { FlowsTable } from './format/flows-table.ts';

const HEADERS = { [HEADER.contentType]: CONTENT_TYPE_AVRO_SINGLE_OBJECT };

export class FlowMessages {
  readonly #table = new FlowsTable();
  readonly #columns = new EnrichedFlowColumns(1024);
  readonly #hide: ((table: TableData) => TableData) | null;
  readonly #type: avsc.Type;
  readonly #header: Uint8Array;

  /** `hide` takes out what privacy leaves out. */
  constructor(hide: ((table: TableData) => TableData) | null) {
    this.#hide = hide;
    const schema = flowMessageSchema(TABLES.find(({ name }) => name === 'flows')!);
    this.#type = avsc.Type.forSchema(schema as avsc.Schema);
    this.#header = Buffer.from(headerHex(schema as Parameters<typeof headerHex>[0]), 'hex');
  }

  /**
   * The rows of one enriched message, in its order, as they are asked for. A second call ends the first.
   * Fails: WEIR_SCHEMA_* (drop).
   */
  *of(value: Uint8Array): Generator<OutgoingMessage> {
    const batch = decodeEnrichedBatch(value, this.#columns);
    this.#table.clear();
    const remap = this.#table.remap(batch);
    let from = 0;
    for (const source of batch.sources) {
      const to = Math.min(from + Math.max(0, source.rows), batch.flows.length);
      this.#table.append(batch.flows, from, to, source, remap);
      from = to;
    }
    const whole = this.#table.finish();
    const table = this.#hide === null ? whole : this.#hide(whole);
    const fill = rowFiller(table);
    for (let row = 0; row < table.rows; row++) {
      const flow = fill(row);
      yield { key: keyOf(flow), value: this.#encode(flow), headers: HEADERS };
    }
  }

  #encode(flow: Row): Uint8Array {
    const body = this.#type.toBuffer(flow);
    const bytes = new Uint8Array(this.#header.length + body.length);
    bytes.set(this.#header);
    bytes.set(body, this.#header.length);
    return bytes;
  }
}

/** Who opened the connection: all flows of a workload are in one partition; without an owner, those of an address. */
function keyOf(flow: Row): string {
  const of = (name: string): string => String(flow[name] ?? '');
  const workload = of('src_workload');
  if (workload === '') return `${of('src_network')}/${of('src_addr')}`;
  return `${of('src_cluster')}/${of('src_namespace')}/${workload}`;
}
