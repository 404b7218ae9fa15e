/** Produce v7 of one record batch to one partition; v7 is the first that may carry zstd. acks=all, no producer id. */
import { refuse } from './error-codes.ts';
import { type ApiRequest, apiRequest } from './request.ts';

/** Beside the batch and the topic's name, whose characters have three bytes at most. */
const OTHER_BYTES = 32;

/** Resolves to the offset of the first message. */
export const produceRequest = (
  topic: string,
  partition: number,
  batch: Uint8Array,
  timeoutMs: number,
): ApiRequest<number> =>
  apiRequest({
    key: 0,
    version: 7,
    name: 'Produce',
    bodyBytes: OTHER_BYTES + 3 * topic.length + batch.length,
    write: (writer) => {
      writer.string(null).int16(-1).int32(timeoutMs);
      writer.array([topic], (name) => {
        writer.string(name).array([partition], (index) => writer.int32(index).bytes(batch));
      });
    },
    read: (reader) => {
      const [answered] = reader.array(() => {
        reader.string();
        return reader.array(() => {
          reader.int32();
          const error = reader.int16();
          const baseOffset = reader.int64();
          reader.int64();
          reader.int64();
          return { error, baseOffset };
        });
      });
      const answer = answered?.[0];
      if (answer === undefined) throw new RangeError('a produce was answered without its partition');
      refuse(answer.error);
      return answer.baseOffset;
    },
  });
