/**
 * The rim of one chain: creates the object after the current state, under its one name, and takes over whatever object
 * stands there. Rules: DESIGN section 4.4 and 4.5.
 */
import { fromUnknown, WeirError } from '../contract/errors.ts';
import {
  type ChainState,
  formatFileMetadata,
  formatGenesis,
  formatShortMetadata,
  type Genesis,
  genesisName,
  lossesNameOf,
  META,
  OBJECT_SCHEMA,
  type ObjectFacts,
  parseObjectName,
} from '../schemas/objects.ts';
import { type ChainIdentity, judgePut, nextObjectName, stateOfGenesis } from './chain.ts';
import type { SinkContext } from './context.ts';
import type { TableData, TableFormat } from './format/columns.ts';
import { lossesTable } from './format/losses-table.ts';
import { findTail, readFacts, readGenesis } from './locate.ts';
import type { Patience } from './patience.ts';

/** Who stored the range: this writer, or somebody else whose object was taken over. */
export type Stored = 'own' | 'adopted';

export class ChainWriter {
  readonly #context: SinkContext;
  readonly #patience: Patience;
  readonly #chain: ChainIdentity;
  readonly #format: TableFormat;
  #state: ChainState;
  #attempts = 0;

  private constructor(context: SinkContext, patience: Patience, chain: ChainIdentity, state: ChainState) {
    this.#context = context;
    this.#patience = patience;
    this.#chain = chain;
    this.#format = formatOf(context, chain);
    this.#state = state;
  }

  /** The chain as it stands in the store, its last ledger complete; null where it has not begun. */
  static async locate(
    context: SinkContext,
    patience: Patience,
    table: ChainIdentity['table'],
    partition: number,
  ): Promise<ChainWriter | null> {
    const genesis = await patience.until('reading the genesis object', () =>
      readGenesis(context.store, table, partition),
    );
    if (genesis === null) return null;
    const chain: ChainIdentity = { table, partition, format: genesis.format };
    const writer = new ChainWriter(context, patience, chain, stateOfGenesis(genesis));
    const tail = await patience.until('finding the newest object', () =>
      findTail(context.store, writer.#format, table, partition, genesis),
    );
    if (tail === null) return writer;
    await writer.#ensureLosses(tail.name, tail.facts);
    writer.#state = tail.facts.state;
    return writer;
  }

  /** Fix where the chain begins. Somebody else may have been first: locate it afterwards. */
  static async begin(
    context: SinkContext,
    patience: Patience,
    table: ChainIdentity['table'],
    partition: number,
    genesis: Genesis,
  ): Promise<void> {
    const bytes = new TextEncoder().encode(formatGenesis(genesis));
    await patience.until('creating the genesis object', async () => {
      try {
        await context.store.createBytes(genesisName(table, partition), bytes, { [META.log]: genesis.logId });
      } catch (error) {
        if (!isExists(error)) throw error;
      }
    });
  }

  /** The state after the last object. */
  get state(): ChainState {
    return this.#state;
  }

  /**
   * Create the next object, holding `next` as the state after it. When it returns, an object stands under the name and
   * `state` is what that object says, whoever wrote it.
   * Fails: whatever is fatal; WEIR_SINK_OBJECT_INVALID where the object under the name is a copy; `GaveUp`.
   */
  async store(facts: Omit<ObjectFacts, 'schema' | 'writer'>, table: TableData): Promise<Stored> {
    const name = nextObjectName(this.#chain, this.#state);
    const attempt = `${this.#context.writer}-${this.#attempts++}`;
    const whole: ObjectFacts = { ...facts, schema: OBJECT_SCHEMA[this.#chain.table], writer: attempt };
    const won = await this.#create(name, whole, table);
    const winner = won ? whole : await this.#winner(name);
    // An answer that was lost: the object is this attempt's own after all.
    const own = winner.writer === attempt;
    if (!own) this.#refuseCopy(name, winner);
    await this.#ensureLosses(name, winner);
    this.#state = winner.state;
    this.#context.meter.add('weir_sink_objects_total', 1, {
      table: this.#chain.table,
      outcome: own ? 'created' : 'adopted',
    });
    return own ? 'own' : 'adopted';
  }

  /** A copied file may lie under the next name and lead to that name again: nobody could ever get past it. */
  #refuseCopy(name: string, { state }: ObjectFacts): void {
    if (nextObjectName(this.#chain, state) !== name) return;
    const message = `${name} leads to its own name: somebody copied a file there; remove it (weir verify names all such files)`;
    throw new WeirError('WEIR_SINK_OBJECT_INVALID', message, { name });
  }

  /** True: this call created it. False: something stands under the name. The same name again until one or the other. */
  async #create(name: string, facts: ObjectFacts, table: TableData): Promise<boolean> {
    const { store, logger } = this.#context;
    let file: string | null = null;
    try {
      for (let attempt = 0; ; attempt++) {
        const error = await this.#attempt(async () => {
          file ??= await this.#encode(table, formatFileMetadata(facts));
          await store.create(name, file, formatShortMetadata(facts));
        });
        const outcome = judgePut(error);
        if (outcome === 'won' || outcome === 'taken') return outcome === 'won';
        if (outcome === 'failed') throw error!;
        logger.warn(
          { name, code: error!.code, attempt, error: error!.message },
          'storing an object failed, tried again',
        );
        await this.#patience.pause(attempt);
        // The file itself may be what is wrong (removed, cut): now and then it is written anew.
        if (file !== null && attempt % 4 === 3) {
          await this.#discard(file);
          file = null;
        }
      }
    } finally {
      if (file !== null) await this.#discard(file);
    }
  }

  async #attempt(work: () => Promise<void>): Promise<WeirError | null> {
    try {
      await this.#patience.bounded(work());
      return null;
    } catch (error) {
      if (error instanceof WeirError) return error;
      throw error;
    }
  }

  /** A whole file at a temporary path; what a failed encoder left is removed. */
  async #encode(table: TableData, metadata: Record<string, string>): Promise<string> {
    const file = await this.#context.store.temporaryPath(`.${this.#chain.format}`);
    try {
      await this.#format.write(table, file, metadata);
      return file;
    } catch (error) {
      await this.#discard(file);
      throw fromUnknown(error, 'WEIR_SINK_ENCODE_FAILED', `cannot write ${file}`, { file });
    }
  }

  /** A temporary file that stays does no harm: it goes at the next start. */
  async #discard(file: string): Promise<void> {
    try {
      await this.#context.store.discard(file);
    } catch (error) {
      this.#context.logger.warn({ file, error: String(error) }, 'a temporary file could not be removed');
    }
  }

  #winner(name: string): Promise<ObjectFacts> {
    return this.#patience.until('reading the winner', () => readFacts(this.#context.store, this.#format, name));
  }

  /** The ledger's own object, made from the winner's metadata; nobody goes past an object without it. */
  async #ensureLosses(name: string, facts: ObjectFacts): Promise<void> {
    if (this.#chain.table !== 'flows' || facts.losses.length === 0) return;
    const { store } = this.#context;
    const lossesName = lossesNameOf(name);
    const metadata: Record<string, string> = {
      [META.log]: parseObjectName(name)!.logId,
      [META.rows]: String(facts.losses.length),
      [META.schema]: OBJECT_SCHEMA.losses,
    };
    await this.#patience.until('storing the losses', async () => {
      if ((await store.stat(lossesName)) !== null) return;
      const file = await this.#encode(lossesTable(facts.losses), metadata);
      try {
        await store.create(lossesName, file, metadata);
      } catch (error) {
        if (!isExists(error)) throw error;
      } finally {
        await this.#discard(file);
      }
    });
  }
}

function isExists(error: unknown): boolean {
  return error instanceof WeirError && error.code === 'WEIR_SINK_EXISTS';
}

function formatOf(context: SinkContext, chain: ChainIdentity): TableFormat {
  const format = context.formats.get(chain.format);
  if (format !== undefined) return format;
  const can = [...context.formats.keys()].join(', ');
  throw new WeirError(
    'WEIR_SINK_FORMAT',
    `${context.store.where}: the chain ${chain.table}-${chain.partition} was begun as ${chain.format}, this sink writes ${can}`,
    { format: chain.format },
  );
}
