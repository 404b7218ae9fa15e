import type { Field, RecordType } from './model.ts';
import { camel } from './names.ts';

/** Fields that point into a dictionary of the batch. */
export function indexedFields(rows: RecordType): Field[] {
  return rows.fields.filter((field) => field.index !== null);
}

/** The parameter that holds the dictionary's size. */
export function countId(field: Field): string {
  return `${camel(field.index ?? '')}Count`;
}
