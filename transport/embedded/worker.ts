/** The thread that owns the file: carries requests from its log to the server, and answers back. */
import assert from 'node:assert';
import { parentPort, workerData } from 'node:worker_threads';
import { type Answers, LogServer } from './log-server.ts';
import type { Reply, Request, WorkerOptions } from './protocol.ts';
import { fromSqlite, toAnswer } from './sqlite-errors.ts';

assert(parentPort !== null, 'runs as a worker thread');
const port = parentPort;

const answers: Answers = {
  answer: (id, answer, transfer = []) => {
    const reply: Reply = { id, ok: true, answer };
    port.postMessage(reply, transfer);
  },
  refuse: (id, error) => {
    const reply: Reply = { id, ok: false, error: toAnswer(error) };
    port.postMessage(reply);
  },
  // After the last answer is out; nothing else keeps the thread.
  ended: () => setImmediate(() => port.close()),
};

const options: WorkerOptions = workerData;
try {
  const server = new LogServer(options, answers);
  port.on('message', (request: Request) => server.handle(request));
  answers.answer(0, null);
} catch (error) {
  answers.refuse(0, fromSqlite(error, options.path));
}
