/** A request of Kafka's protocol and how its answer is read. */
import { WireReader, WireWriter } from './wire.ts';

export interface ApiRequest<T> {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  /** What follows the request header of version 1; a flexible request begins with the header's tags. */
  readonly body: Buffer;
  /** From what follows the correlation id. @throws RangeError when it is cut, ProtocolError when it is a refusal. */
  read(answer: Buffer): T;
}

interface ApiShape<T> {
  readonly key: number;
  readonly version: number;
  readonly name: string;
  readonly flexible?: boolean;
  /** Of the body, about; more is copied once more. */
  readonly bodyBytes?: number;
  readonly write: (writer: WireWriter) => void;
  readonly read: (reader: WireReader) => T;
}

export function apiRequest<T>({ key, version, name, flexible, bodyBytes, write, read }: ApiShape<T>): ApiRequest<T> {
  const writer = new WireWriter(bodyBytes);
  if (flexible === true) writer.noTags();
  write(writer);
  return {
    apiKey: key,
    apiVersion: version,
    apiName: name,
    body: writer.written,
    read: (answer) => {
      const reader = new WireReader(answer);
      if (flexible === true) reader.skipTags();
      return read(reader);
    },
  };
}
