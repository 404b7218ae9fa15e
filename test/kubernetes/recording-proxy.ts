/**
 * Between a watcher and the API server: plain HTTP in, TLS out. It can be cut, and it writes down what the server said,
 * as lines that test/fixtures/kube/replay.ts plays without a server.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { RESOURCES } from '../../watcher/list-watch.ts';
import type { RecordedLine } from '../fixtures/kube/replay.ts';

const isResource = (path: string): boolean => RESOURCES.some((resource) => path.split('?')[0] === resource.path);

export class RecordingProxy {
  readonly #target: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly lines: RecordedLine[] = [];
  #cut = false;

  private constructor(target: string) {
    this.#target = target;
    this.#server = createServer((incoming, outgoing) => this.#forward(incoming, outgoing));
    this.#server.on('connection', (socket) => {
      if (this.#cut) return void socket.destroy();
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(target: string): Promise<RecordingProxy> {
    const proxy = new RecordingProxy(target);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Every connection breaks, and new ones are refused. */
  cut(): void {
    this.#cut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#cut = false;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const path = incoming.url ?? '/';
    const { host: _, ...headers } = incoming.headers;
    const sent = request(`${this.#target}${path}`, { headers, rejectUnauthorized: false }, (response) => {
      const status = response.statusCode ?? 502;
      const isWatch = status === 200 && path.includes('watch=true');
      outgoing.writeHead(status, response.headers);
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        outgoing.write(part);
        text += part;
        if (isWatch) text = this.#takeLines(path, text);
      });
      response.on('end', () => {
        outgoing.end();
        if (!isWatch && (status === 200 || !isResource(path))) this.#record(path, text, status);
      });
      response.on('error', () => outgoing.destroy());
    });
    sent.on('error', () => outgoing.destroy());
    outgoing.on('close', () => sent.destroy());
    sent.end();
  }

  #takeLines(path: string, text: string): string {
    const lines = text.split('\n');
    const rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') this.#record(path, line);
    return rest;
  }

  #record(path: string, text: string, status = 200): void {
    const body: unknown = JSON.parse(text, (key, value: unknown) => (key === 'managedFields' ? undefined : value));
    const answer = { path, body: body as RecordedLine['body'], ...(status === 200 ? {} : { status }) };
    this.lines.push({ atMs: Date.now(), ...answer });
  }
}
