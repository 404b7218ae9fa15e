/** /metrics, /healthz and /readyz on metrics.listen. */
import type { Server } from 'node:http';
import { WeirError } from '../contract/errors.ts';
import type { MeterRegistry } from '../contract/meter-registry.ts';

// Not by `import`: that reads every export of node:http, and one of them (WebSocket) loads a whole client, 12 MB.
const { createServer } = process.getBuiltinModule('node:http');

export interface MetricsServer {
  /** As bound: the port that port 0 became. Null when metrics.listen is off. */
  readonly address: string | null;
  close(): Promise<void>;
}

/** `notReady` says what is missing, or null when the stages do their work. WEIR_METRICS_LISTEN. */
export async function startMetricsServer(
  listen: string,
  meter: MeterRegistry,
  notReady: () => string | null,
): Promise<MetricsServer> {
  if (listen === 'off') return { address: null, close: () => Promise.resolve() };
  const split = listen.lastIndexOf(':');
  const host = listen.slice(0, split).replace(/^\[|\]$/g, '');
  const port = Number(listen.slice(split + 1));
  const server = createServer((request, response) => {
    const answer = (status: number, body: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
    };
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'only GET\n');
    switch (request.url?.split('?')[0]) {
      case '/metrics':
        return answer(200, meter.render(), 'text/plain; version=0.0.4; charset=utf-8');
      case '/healthz':
        return answer(200, 'ok\n');
      case '/readyz': {
        const missing = notReady();
        return missing === null ? answer(200, 'ok\n') : answer(503, `${missing}\n`);
      }
      default:
        return answer(404, 'there are /metrics, /healthz and /readyz\n');
    }
  });
  server.requestTimeout = 5000;
  server.maxConnections = 64;
  await bind(server, host, port, listen);
  server.unref();
  const bound = server.address();
  const boundPort = typeof bound === 'object' && bound !== null ? bound.port : port;
  return {
    address: `${listen.slice(0, split)}:${boundPort}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function bind(server: Server, host: string, port: number, listen: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'the port is in use' : error.message;
      const message = `metrics.listen ${listen} cannot be bound: ${why}; choose another address, or off`;
      reject(new WeirError('WEIR_METRICS_LISTEN', message, { listen }, error));
    });
    server.listen({ host, port, exclusive: true }, () => resolve());
  });
}
