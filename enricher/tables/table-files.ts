/**
 * The files that name addresses: static tables into the ownership log, MMDB files into the workers. Read at the start,
 * where a broken one ends the stage, and again when they change, where the old one stays until the new one is whole.
 */
import { basename } from 'node:path';
import { fromUnknown, WeirError } from '../../contract/errors.ts';
import type { Clock } from '../../contract/clock.ts';
import type { Logger } from '../../contract/log.ts';
import type { Meter } from '../../contract/meter.ts';
import { compileGeo } from '../geo/compile.ts';
import type { GeoMemory } from '../geo/geo-table.ts';
import { staticReporters } from './static-messages.ts';
import type { StaticPublisher } from './static-publisher.ts';
import { readStaticTable } from './static-rows.ts';
import { WatchedFile } from './watched-file.ts';

const LOOK_MS = 2000;

export interface TableFilesOptions {
  readonly tables: readonly string[];
  readonly geoip: readonly string[];
  /** Scope of rows that name none. */
  readonly network: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meter: Meter;
  readonly publisher: StaticPublisher;
  onGeo(memory: GeoMemory): void;
}

export class TableFiles {
  readonly #options: TableFilesOptions;
  readonly #tables: readonly WatchedFile[];
  readonly #geoip: readonly WatchedFile[];
  readonly #geoBytes = new Map<string, Buffer>();
  #geoVersion = 0;

  /** @throws WEIR_CONFIG_INVALID for two tables of one name: they would be one reporter */
  constructor(options: TableFilesOptions) {
    this.#options = options;
    const names = options.tables.map((path) => basename(path));
    const twice = names.find((name, i) => names.indexOf(name) < i);
    if (twice !== undefined) {
      throw new WeirError('WEIR_CONFIG_INVALID', `enricher.tables names two files called ${twice}; rename one`);
    }
    this.#tables = options.tables.map((path) => new WatchedFile(path, 'WEIR_ENRICHER_TABLE_INVALID'));
    this.#geoip = options.geoip.map((path) => new WatchedFile(path, 'WEIR_ENRICHER_GEOIP_INVALID'));
  }

  /** Read all. @throws WEIR_ENRICHER_TABLE_INVALID, WEIR_ENRICHER_GEOIP_INVALID */
  async start(): Promise<void> {
    for (const file of this.#tables) await this.#readTable(file);
    await this.#readGeo();
    await this.#options.publisher.publish();
  }

  /** Until the signal aborts: look for changes, and say what is due. */
  async follow(signal: AbortSignal): Promise<void> {
    const { clock, publisher } = this.#options;
    while (!signal.aborted) {
      await clock.sleep(LOOK_MS, signal);
      if (signal.aborted) return;
      for (const file of this.#tables) await this.#again('static', () => this.#readTable(file));
      if (this.#geoip.length > 0) await this.#again('geoip', () => this.#readGeo());
      await publisher.publish();
    }
  }

  /** True where it had changed. */
  async #readTable(file: WatchedFile): Promise<boolean> {
    const bytes = await file.changed();
    if (bytes === null) return false;
    const { network, publisher, logger } = this.#options;
    const name = basename(file.path);
    const rows = readStaticTable(file.path, bytes.toString('utf8'));
    publisher.setTable(name, staticReporters(name, rows, network));
    logger.info({ file: file.path, rows: rows.length }, 'table_read');
    return true;
  }

  async #readGeo(): Promise<boolean> {
    const fresh = new Map(this.#geoBytes);
    let isChanged = false;
    for (const file of this.#geoip) {
      const bytes = await file.changed();
      if (bytes === null) continue;
      fresh.set(file.path, bytes);
      isChanged = true;
    }
    if (!isChanged) return false;
    const files = this.#geoip.map(({ path }) => ({ name: path, bytes: fresh.get(path)! }));
    const memory = compileGeo(files, this.#geoVersion + 1);
    this.#geoVersion += 1;
    for (const [path, bytes] of fresh) this.#geoBytes.set(path, bytes);
    this.#options.onGeo(memory);
    this.#options.logger.info({ files: files.length, ranges: memory.places4.byteLength / 4 }, 'geoip_read');
    return true;
  }

  async #again(table: 'static' | 'geoip', read: () => Promise<boolean>): Promise<void> {
    const { meter, logger } = this.#options;
    try {
      if (await read()) meter.add('weir_enricher_tables_read_total', 1, { table, outcome: 'read' });
    } catch (cause) {
      const error = fromUnknown(cause, 'WEIR_INTERNAL', 'a table');
      if (error.code === 'WEIR_INTERNAL') throw error;
      meter.add('weir_enricher_tables_read_total', 1, { table, outcome: 'refused' });
      logger.error({ code: error.code, problem: error.message }, 'table_refused_old_one_stays');
    }
  }
}
