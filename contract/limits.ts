/** Every bound that more than one stage relies on, with the reason for its value. Bytes unless the name says so. */

/** A raw batch's encoded value: at most this (DESIGN section 4); brokers allow 1 MiB by default. */
export const RAW_MESSAGE_BYTES_MAX: number = 900 * 1024;
/** The enriched topic's limit is at least four times the raw one, so that an enriched raw batch always fits. */
export const ENRICHED_MESSAGE_BYTES_MAX: number = 4 * RAW_MESSAGE_BYTES_MAX;
/** A full list of claims of one reporter. */
export const OWNERSHIP_MESSAGE_BYTES_MAX: number = RAW_MESSAGE_BYTES_MAX;
/** Flows in one raw batch; rows are at least 80 bytes, so the byte limit bites first. */
export const BATCH_FLOWS_MAX = 16_384;
/** Entries of one dictionary of a batch. */
export const DICTIONARY_ENTRIES_MAX = 65_536;
/** A string in a dictionary: names, labels as JSON. */
export const STRING_BYTES_MAX = 16_384;
/** A stream is forgotten this long after its last append time (DESIGN section 4.3). */
export const STREAM_RETIRE_MS: number = 30 * 24 * 3600 * 1000;
/** Flows in one enriched batch, which carries several raw ones whole: as many times more as its message may be larger. */
export const ENRICHED_FLOWS_MAX: number = 4 * BATCH_FLOWS_MAX;
/** Claims in one ownership message; a claim is at least 24 bytes, so the byte limit bites first. */
export const CLAIMS_MAX = 65_536;
