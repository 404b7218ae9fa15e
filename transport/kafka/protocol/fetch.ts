/**
 * Fetch v13 of one partition, by the topic's id: a topic that was made anew under the same name is refused
 * (unknownTopicId) instead of being read as the old one.
 */
import { refuse } from './error-codes.ts';
import { type ApiRequest, apiRequest } from './request.ts';
import type { WireReader } from './wire.ts';

export interface FetchAsked {
  readonly topicId: string;
  readonly partition: number;
  readonly from: number;
  /** How long the broker waits for the first message. */
  readonly waitMs: number;
  /** The first record batch comes whole, however large. */
  readonly bytesMax: number;
}

export interface FetchAnswer {
  readonly error: number;
  readonly start: number;
  readonly end: number;
  /** Record batches, the last one possibly cut. */
  readonly records: Buffer;
}

const NO_RECORDS: Buffer = Buffer.alloc(0);

export const fetchRequest = ({ topicId, partition, from, waitMs, bytesMax }: FetchAsked): ApiRequest<FetchAnswer> =>
  apiRequest({
    key: 1,
    version: 13,
    name: 'Fetch',
    flexible: true,
    write: (writer) => {
      // No replica, at least a byte, read uncommitted, no fetch session.
      writer.int32(-1).int32(waitMs).int32(1).int32(bytesMax).int8(0).int32(0).int32(-1);
      writer.compactArray([topicId], (id) => {
        writer.uuid(id).compactArray([partition], (index) => {
          writer.int32(index).int32(-1).int64(from).int32(-1).int64(-1).int32(bytesMax).noTags();
        });
        writer.noTags();
      });
      writer
        .compactArray([], () => undefined)
        .compactString('')
        .noTags();
    },
    read: (reader) => {
      reader.int32();
      refuse(reader.int16());
      reader.int32();
      const [topic] = reader.compactArray(() => {
        reader.uuid();
        const partitions = reader.compactArray(() => partitionAnswer(reader));
        reader.skipTags();
        return partitions;
      });
      const answer = topic?.[0];
      if (answer === undefined) throw new RangeError('a fetch was answered without its partition');
      return answer;
    },
  });

function partitionAnswer(reader: WireReader): FetchAnswer {
  reader.int32();
  const error = reader.int16();
  const end = reader.int64();
  reader.int64();
  const start = reader.int64();
  reader.compactArray(() => {
    reader.int64();
    reader.int64();
    reader.skipTags();
  });
  reader.int32();
  const records = reader.compactBytes() ?? NO_RECORDS;
  reader.skipTags();
  return { error, start, end, records };
}
