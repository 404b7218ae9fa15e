/** A connection for one purpose. A broker works at one request a connection, so what waits long has its own. */
import type { KafkaSasl, KafkaTls } from './options.ts';
import type { Logger } from '../../contract/log.ts';
import { AnswerUnreadable, ConnectionLost, connectFault } from './faults.ts';
import { KafkaConnection } from './kafkajs.ts';
import { ProtocolError } from './protocol/error-codes.ts';
import type { ApiRequest } from './protocol/request.ts';

export interface LaneOptions {
  readonly clientId: string;
  readonly tls: boolean | KafkaTls;
  readonly sasl: KafkaSasl | null;
  readonly connectMs: number;
  readonly answerMs: number;
  readonly logger: Logger;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/**
 * Of a SASL session (KIP-368, MSK IAM), after which a lane takes no more calls and another is opened in its place.
 * kafkajs would renew it on the connection: with each request once ten seconds are left, and a broker refuses that.
 */
const SESSION_SHARE = 0.8;

export class Lane {
  readonly #endsMs: number;
  readonly #connection: KafkaConnection;
  readonly #where: string;
  readonly #answerMs: number;
  #isBroken = false;
  #callsCount = 0;

  private constructor(connection: KafkaConnection, where: string, answerMs: number) {
    this.#connection = connection;
    this.#where = where;
    this.#answerMs = answerMs;
    this.#endsMs = performance.now() + SESSION_SHARE * connection.sessionMs;
  }

  /** Connected and authenticated. @throws ConnectionLost, CredentialsRefused */
  static async open({ host, port }: HostPort, options: LaneOptions): Promise<Lane> {
    const where = `${host}:${port}`;
    const connection = new KafkaConnection({ host, port, ...options });
    // Connecting, versions and SASL have a limit each in kafkajs but for the cases that it forgets.
    const limit = deadline(2 * options.connectMs + options.answerMs);
    try {
      await Promise.race([connection.connect(), limit.passed]);
      return new Lane(connection, where, options.answerMs);
    } catch (error) {
      const fault = connectFault(error, where);
      connection.destroy(fault);
      throw fault;
    } finally {
      limit.clear();
    }
  }

  /** Takes calls. */
  get isOpen(): boolean {
    return !this.#isBroken && this.#connection.isConnected && performance.now() < this.#endsMs;
  }

  /** Nobody calls any more: what is under way may end. */
  retire(): void {
    if (this.#callsCount === 0) this.close();
  }

  /**
   * `extraMs`: how much longer than usual the broker may take. @throws ProtocolError, on a connection that is still
   * good; AnswerUnreadable, ConnectionLost, after which the lane is closed and the outcome unknown.
   */
  async call<T>(request: ApiRequest<T>, extraMs = 0): Promise<T> {
    if (!this.isOpen) throw new ConnectionLost(`${this.#where}: the connection is closed`);
    this.#callsCount++;
    try {
      return await this.#connection.call(request, this.#answerMs + extraMs);
    } catch (error) {
      if (error instanceof ProtocolError) throw error;
      const fault =
        error instanceof RangeError
          ? new AnswerUnreadable(`${this.#where}: the answer to ${request.apiName} cannot be read`, error)
          : connectFault(error, `${this.#where}: ${request.apiName}`);
      this.close(fault);
      throw fault;
    } finally {
      if (--this.#callsCount === 0 && performance.now() >= this.#endsMs) this.close();
    }
  }

  /** What is under way fails. Idempotent. */
  close(reason: Error = new ConnectionLost(`${this.#where}: the connection was closed`)): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#connection.destroy(reason);
  }
}

function deadline(ms: number): { passed: Promise<never>; clear(): void } {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`no answer after ${ms} ms`)), ms);
  return { passed: promise, clear: () => clearTimeout(timer) };
}
