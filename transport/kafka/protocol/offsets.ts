/** Offsets of partitions (ListOffsets v2) and of groups (OffsetFetch v5, OffsetCommit v7). */
import { refuse } from './error-codes.ts';
import { type ApiRequest, apiRequest } from './request.ts';

export const EARLIEST = -2;
export const LATEST = -1;

export interface ListedOffset {
  readonly partition: number;
  readonly error: number;
  readonly offset: number;
}

/** `which` is EARLIEST or LATEST; asked of the partitions' leader. */
export const listOffsetsRequest = (
  topic: string,
  partitions: readonly number[],
  which: number,
): ApiRequest<readonly ListedOffset[]> =>
  apiRequest({
    key: 2,
    version: 2,
    name: 'ListOffsets',
    write: (writer) => {
      writer.int32(-1).int8(0);
      writer.array([topic], (name) => {
        writer.string(name).array(partitions, (partition) => writer.int32(partition).int64(which));
      });
    },
    read: (reader) => {
      reader.int32();
      const topics = reader.array(() => {
        reader.string();
        return reader.array(() => {
          const partition = reader.int32();
          const error = reader.int16();
          reader.int64();
          return { partition, error, offset: reader.int64() };
        });
      });
      return topics.flat();
    },
  });

export interface CommittedOffset {
  readonly next: number;
  /** What was committed with it: by Weir the topic's id; empty by others. */
  readonly topicId: string;
}

/** The committed next offset; null without one. */
export const offsetFetchRequest = (
  group: string,
  topic: string,
  partition: number,
): ApiRequest<CommittedOffset | null> =>
  apiRequest({
    key: 9,
    version: 5,
    name: 'OffsetFetch',
    write: (writer) => {
      writer.string(group);
      writer.array([topic], (name) => {
        writer.string(name).array([partition], (index) => writer.int32(index));
      });
    },
    read: (reader) => {
      reader.int32();
      const topics = reader.array(() => {
        reader.string();
        return reader.array(() => {
          reader.int32();
          const offset = reader.int64();
          reader.int32();
          const topicId = reader.nullableString() ?? '';
          return { offset, topicId, error: reader.int16() };
        });
      });
      refuse(reader.int16());
      const answer = topics[0]?.[0];
      if (answer === undefined) throw new RangeError('an offset fetch was answered without its partition');
      refuse(answer.error);
      return answer.offset < 0 ? null : { next: answer.offset, topicId: answer.topicId };
    },
  });

/** Who commits: a member in its generation, or nobody's member (generation -1), which a group with members refuses. */
export interface Committer {
  readonly generation: number;
  readonly memberId: string;
  /** Of the topic whose offset it is: the broker knows it by name only. Null: of the one that is there now. */
  readonly topicId: string | null;
}

export const NO_MEMBER: Committer = { generation: -1, memberId: '', topicId: null };

export const offsetCommitRequest = (
  group: string,
  topic: string,
  partition: number,
  next: number,
  { generation, memberId, topicId }: Committer,
): ApiRequest<void> =>
  apiRequest({
    key: 8,
    version: 7,
    name: 'OffsetCommit',
    write: (writer) => {
      writer.string(group).int32(generation).string(memberId).string(null);
      writer.array([topic], (name) => {
        writer.string(name).array([partition], (index) => writer.int32(index).int64(next).int32(-1).string(topicId));
      });
    },
    read: (reader) => {
      reader.int32();
      const topics = reader.array(() => {
        reader.string();
        return reader.array(() => {
          reader.int32();
          return reader.int16();
        });
      });
      for (const error of topics.flat()) refuse(error);
    },
  });
