/** Where translations come from: the kernel's connection tracking, or a test. */
import type { TranslationTable } from './translation-table.ts';

export interface TranslationFeed {
  /** Inode of the network namespace whose translations these are. */
  readonly netns: number;
  /** Take what has happened since the last call into the table. Never blocks for longer than a list of what is there. */
  poll(table: TranslationTable): void;
  /** The wall clock was set: the table has forgotten everything, and is to be filled anew. */
  restart(): void;
  close(): void;
}
