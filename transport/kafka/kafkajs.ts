/**
 * The one place that knows kafkajs 2.2.4: its connection (framing, TLS, SASL, request queue) and nothing above it.
 * Its producer, consumer and cluster are not used: facts of what is wrong with them stand where we do it ourselves.
 * kafkajs has no types for these modules and is frozen, so they are typed here and pinned exactly.
 */
import { createRequire } from 'node:module';
import type { Logger } from '../../contract/log.ts';
import type { KafkaSasl, KafkaTls } from './options.ts';
import type { ApiRequest } from './protocol/request.ts';
import { WireWriter } from './protocol/wire.ts';

const require = createRequire(import.meta.url);

interface KafkaJsConnection {
  isConnected(): boolean;
  rejectRequests(error: Error): void;
  disconnect(): Promise<unknown>;
  readonly socket?: { destroy(): void; cork(): void; write(bytes: Buffer): void; uncork(): void };
  /** @throws where the connection is lost. */
  failIfNotConnected(): void;
  nextCorrelationId(): number;
  readonly requestQueue: { push(call: KafkaJsCall): void };
  /** Of SASL, in ms; 0 for one without an end. */
  readonly sessionLifetime: { toString(): string };
}

interface KafkaJsCall {
  readonly entry: {
    readonly apiKey: number;
    readonly apiName: string;
    readonly apiVersion: number;
    readonly correlationId: number;
    resolve(answer: { readonly payload: Buffer }): void;
    reject(error: unknown): void;
  };
  readonly expectResponse: boolean;
  readonly requestTimeout: number;
  sendRequest(): void;
}

interface KafkaJsPool {
  readonly pool: readonly KafkaJsConnection[];
  getConnection(index: number): Promise<KafkaJsConnection>;
}

interface KafkaJsBroker {
  readonly connectionPool: KafkaJsPool;
  connect(): Promise<void>;
}

interface RequestQueuePrototype {
  scheduleCheckPendingRequests: (this: { readonly pending: readonly unknown[] }) => void;
}

const Broker = require('kafkajs/src/broker') as new (options: object) => KafkaJsBroker;
const ConnectionPool = require('kafkajs/src/network/connectionPool') as new (options: object) => KafkaJsPool;
const createSocketFactory = require('kafkajs/src/network/socketFactory') as () => unknown;
const RequestQueue = require('kafkajs/src/network/requestQueue') as { readonly prototype: RequestQueuePrototype };

/**
 * kafkajs re-arms a timer after every answer, for a negative time once a throttle was never set: 2,300 to 5,300 a second
 * on an idle connection, and a warning each on Node 24. Nothing pending needs no timer; a request that is queued later
 * arms its own. Idempotent.
 */
export function stopIdleTimers(): void {
  const { prototype } = RequestQueue;
  const original = prototype.scheduleCheckPendingRequests;
  if (original.name === 'onlyWhenPending') return;
  prototype.scheduleCheckPendingRequests = function onlyWhenPending(): void {
    if (this.pending.length > 0) original.call(this);
  };
}

export interface ConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly clientId: string;
  readonly tls: boolean | KafkaTls;
  readonly sasl: KafkaSasl | null;
  readonly connectMs: number;
  readonly answerMs: number;
  readonly logger: Logger;
}

/** One connection to one broker, one request after the other. */
export class KafkaConnection {
  readonly #broker: KafkaJsBroker;
  readonly #clientId: string;

  constructor(options: ConnectionOptions) {
    stopIdleTimers();
    this.#clientId = options.clientId;
    const logger = quietLogger(options.logger);
    const connectionPool = new ConnectionPool({
      host: options.host,
      port: options.port,
      clientId: options.clientId,
      ssl: options.tls === false ? null : options.tls === true ? {} : options.tls,
      sasl: options.sasl === null ? null : saslOptions(options.sasl),
      connectionTimeout: options.connectMs,
      requestTimeout: options.answerMs,
      enforceRequestTimeout: true,
      // Sessions are not renewed: the lane is replaced before its session ends (Lane).
      reauthenticationThreshold: 0,
      socketFactory: createSocketFactory(),
      logger,
    });
    this.#broker = new Broker({ connectionPool, logger, authenticationTimeout: options.connectMs });
  }

  /** TCP, TLS, versions, SASL. It may never settle (kafkajs forgets a peer that ends the TLS handshake): bound it. */
  connect(): Promise<void> {
    return this.#broker.connect();
  }

  /** How long the broker takes us for authenticated, from the connect on; Infinity without an end. */
  get sessionMs(): number {
    return Number(this.#first.sessionLifetime.toString()) || Infinity;
  }

  get isConnected(): boolean {
    return this.#first.isConnected();
  }

  /**
   * Beyond `answerMs` it rejects, and the connection is good for nothing more. Not by kafkajs'
   * own `send`: it copies the body three times, into buffers of up to twice its size, and renews sessions, which lanes
   * do not.
   */
  async call<T>(request: ApiRequest<T>, answerMs: number): Promise<T> {
    const { apiKey, apiVersion, apiName, body } = request;
    const connection = this.#first;
    connection.failIfNotConnected();
    const correlationId = connection.nextCorrelationId();
    const { promise, resolve, reject } = Promise.withResolvers<{ readonly payload: Buffer }>();
    connection.requestQueue.push({
      entry: { apiKey, apiName, apiVersion, correlationId, resolve, reject },
      expectResponse: true,
      requestTimeout: answerMs,
      sendRequest: () => {
        connection.socket?.cork();
        connection.socket?.write(requestHeader(request, correlationId, this.#clientId));
        connection.socket?.write(body);
        connection.socket?.uncork();
      },
    });
    return request.read((await promise).payload);
  }

  /** Now, whatever is under way: kafkajs' own disconnect waits for answers. */
  destroy(reason: Error): void {
    for (const connection of this.#broker.connectionPool.pool) {
      connection.rejectRequests(reason);
      void connection.disconnect();
      connection.socket?.destroy();
    }
  }

  /** Of the pool's two kafkajs would take the second for fetches; one is enough, each purpose has its own pool. */
  get #first(): KafkaJsConnection {
    const [connection] = this.#broker.connectionPool.pool;
    if (connection === undefined) throw new Error('kafkajs made a pool without a connection');
    return connection;
  }
}

/** Length and header of version 1. */
function requestHeader({ apiKey, apiVersion, body }: ApiRequest<unknown>, id: number, clientId: string): Buffer {
  const header = new WireWriter().int16(apiKey).int16(apiVersion).int32(id).string(clientId).written;
  return new WireWriter().int32(header.length + body.length).raw(header).written;
}

/** kafkajs writes into the object that it is given: a new one for each connection. */
function saslOptions(sasl: KafkaSasl): object {
  if (sasl.mechanism !== 'oauthbearer') return { ...sasl };
  const { mechanism, token } = sasl;
  return { mechanism, oauthBearerProvider: async () => ({ value: await token() }) };
}

/** All that kafkajs logs is of our debug level: what matters of it comes back as an error. */
function quietLogger(logger: Logger): object {
  const log = (message: string, { broker, error }: { broker?: string; error?: string } = {}): void =>
    logger.debug({ broker, detail: error }, `kafkajs: ${message}`);
  const silent = (): void => undefined;
  const quiet: object = { namespace: () => quiet, debug: silent, info: log, warn: log, error: log };
  return quiet;
}
