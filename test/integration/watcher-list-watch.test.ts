/** Lists and watches against an API server whose every answer is scripted: what real ones do rarely. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type Clock, systemClock } from '../../contract/clock.ts';
import { silentLogger } from '../../contract/log.ts';
import { MeterRegistry } from '../../contract/meter-registry.ts';
import { KubeApi } from '../../watcher/api.ts';
import { Cluster } from '../../watcher/cluster.ts';
import { ListWatch, RESOURCES } from '../../watcher/list-watch.ts';

type Answer = (response: ServerResponse) => void;

const folder = await mkdtemp(join(tmpdir(), 'weir-watcher-'));
after(() => rm(folder, { recursive: true, force: true }));

const pods = RESOURCES.find(({ kind }) => kind === 'pods')!;
const pod = (name: string, version = '1'): object => ({
  metadata: { uid: name, name, namespace: 'shop', resourceVersion: version },
  spec: { nodeName: 'n1' },
  status: { phase: 'Running', podIP: '10.0.0.1' },
});
const event = (type: string, name: string, version: string): string =>
  `${JSON.stringify({ type, object: pod(name, version) })}\n`;
const list =
  (names: readonly string[], resourceVersion: string, more = ''): Answer =>
  (response) => {
    const items = names.map((name) => pod(name));
    response.end(JSON.stringify({ metadata: { resourceVersion, continue: more }, items }));
  };
const refuse =
  (status: number): Answer =>
  (response) => {
    response.statusCode = status;
    response.end(JSON.stringify({ code: status }));
  };
/** A watch that tells these and ends as it should. */
const watch =
  (...lines: readonly string[]): Answer =>
  (response) =>
    response.end(lines.join(''));

/** Answers in order; after the last one a watch stays open until the end. */
class Script {
  readonly asked: URLSearchParams[] = [];
  readonly cluster = new Cluster({ cluster: 'c', network: 'net', labels: [] });
  readonly meter = new MeterRegistry();
  watcher!: ListWatch;
  readonly #answers: Answer[];
  readonly #server: Server;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(answers: readonly Answer[]) {
    this.#answers = [...answers];
    this.#server = createServer((request, response) => this.#answer(request, response));
  }

  /** Until every answer was given and what came of it is known. */
  async play(clock: Clock = systemClock): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const server = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    const file = join(folder, `config-${Math.random()}`);
    const config = {
      clusters: [{ name: 'c', cluster: { server, 'insecure-skip-tls-verify': true } }],
      users: [{ name: 'u', user: { token: 'a-token' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    };
    await writeFile(file, JSON.stringify(config));
    const parts = { clock, logger: silentLogger, meter: this.meter };
    this.watcher = new ListWatch({ api: new KubeApi(file), cluster: this.cluster, ...parts }, pods);
    this.#running = this.watcher.run(this.#stop.signal);
    for (let waitedMs = 0; this.#answers.length > 0; waitedMs += 10) {
      assert.ok(waitedMs < 20_000, `${this.#answers.length} answers were not asked for`);
      await pause(10);
    }
    await pause(50);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://server');
    assert.equal(request.headers.authorization, 'Bearer a-token');
    this.asked.push(url.searchParams);
    const answer = this.#answers.shift();
    if (answer === undefined) response.writeHead(200).flushHeaders();
    else answer(response);
  }
}

async function played(answers: readonly Answer[], check: (script: Script) => void | Promise<void>): Promise<void> {
  const script = new Script(answers);
  try {
    await script.play();
    await check(script);
  } finally {
    await script.close();
  }
}

const names = ({ cluster }: Script): string[] => cluster.uids('pods').sort();

test('a list of pages is one list; the watch goes on from its version, and from each event’s', async () => {
  const answers = [list(['a'], '7', 'page-2'), list(['b'], '7'), watch(event('ADDED', 'c', '9')), watch()];
  await played(answers, (script) => {
    assert.deepEqual(names(script), ['a', 'b', 'c']);
    assert.equal(script.asked[1]?.get('continue'), 'page-2');
    assert.deepEqual(
      script.asked.slice(2, 4).map((query) => query.get('resourceVersion')),
      ['7', '9'],
    );
  });
});

test('a list whose pages expire is begun anew, and what only the first had is not gone before the second is whole', async () => {
  const answers = [
    list(['a'], '1'),
    watch('{"type":"ERROR","object":{"code":410}}\n'),
    list(['b'], '5', 'page-2'),
    refuse(410),
  ];
  await played([...answers, (response) => response.writeHead(200).flushHeaders()], (script) => {
    assert.deepEqual(names(script), ['a', 'b']);
    assert.equal(script.meter.total('weir_watcher_lists_total'), 1);
  });
});

test('410 in a stream, and as a status, lists anew: what is not there any more is gone since an unknown time', async () => {
  const answers = [
    list(['a', 'b'], '1'),
    watch('{"type":"ERROR","object":{"code":410}}\n'),
    list(['b'], '5'),
    refuse(410),
  ];
  await played([...answers, list(['b', 'c'], '9')], (script) => {
    assert.deepEqual(names(script), ['b', 'c']);
    const ended = script.cluster.takeChanges().claims.filter(({ toUs }) => toUs >= 0);
    assert.equal(ended.length, 1);
    assert.ok(ended[0]!.latestUs > ended[0]!.toUs);
  });
});

test('401, 403, 500 and a broken connection change nothing of what is known; it goes on where it was', async () => {
  const cut: Answer = (response) => {
    response.write(event('ADDED', 'b', '3'));
    response.write('{"type":"ADDED","object":{"metadata":{"uid":"half');
    setTimeout(() => response.destroy(), 20);
  };
  const hung: Answer = (response) => response.destroy();
  const answers = [list(['a'], '1'), cut, refuse(401), refuse(403), refuse(500), hung, watch(event('ADDED', 'c', '4'))];
  await played([...answers, watch()], (script) => {
    assert.deepEqual(names(script), ['a', 'b', 'c']);
    assert.deepEqual(
      script.asked.slice(2, 8).map((query) => query.get('resourceVersion')),
      ['3', '3', '3', '3', '3', '4'],
    );
    assert.equal(script.meter.total('weir_watcher_lists_total'), 1);
    assert.equal(script.meter.total('weir_watcher_failures_total'), 5);
  });
});

test('only a stream that ended as it should, or a bookmark, vouches for the time since', async () => {
  let open: ServerResponse | undefined;
  const held: Answer = (response) => {
    open = response;
    response.writeHead(200).flushHeaders();
  };
  await played([list(['a'], '1'), held], async ({ watcher }) => {
    const listedUs = watcher.provenUs;
    assert.ok(listedUs > 0);
    await pause(700);
    open?.write(event('MODIFIED', 'a', '2'));
    await pause(50);
    assert.equal(watcher.provenUs, listedUs);
    open?.write('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"3"}}}\n');
    await pause(50);
    const bookmarkUs = watcher.provenUs;
    assert.ok(bookmarkUs > listedUs);
    await pause(700);
    open?.destroy();
    await pause(50);
    assert.equal(watcher.provenUs, bookmarkUs);
  });
});

test('an answer that is no JSON is a failure, and not an empty list', async () => {
  const answers: Answer[] = [(response) => response.end('<html>'), list(['a'], '1')];
  await played([...answers, watch('no json\n'), watch()], (script) => {
    assert.deepEqual(names(script), ['a']);
    assert.equal(script.meter.total('weir_watcher_failures_total'), 2);
  });
});

test('a kubeconfig that is none, or names no cluster, is a configuration error that names the key', async () => {
  assert.throws(() => new KubeApi(join(folder, 'missing')), {
    code: 'WEIR_CONFIG_INVALID',
    message: /watcher\.kubeconfig/,
  });
  const file = join(folder, 'empty');
  await writeFile(file, '{}');
  assert.throws(() => new KubeApi(file), { code: 'WEIR_CONFIG_INVALID', message: /watcher\.kubeconfig/ });
});
