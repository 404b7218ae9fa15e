import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { stopIdleTimers } from '../../../../transport/kafka/kafkajs.ts';

interface Queue {
  throttleCheckTimeoutId: unknown;
  readonly pending: unknown[];
  scheduleCheckPendingRequests(): void;
  destroy(): void;
}

const require = createRequire(import.meta.url);
const RequestQueue = require('kafkajs/src/network/requestQueue') as new (options: object) => Queue;

function queueWith(pending: readonly unknown[]): Queue {
  const queue = new RequestQueue({ logger: {}, requestTimeout: 1000, isConnected: () => true });
  queue.pending.push(...pending);
  return queue;
}

const armsTimer = (pending: readonly unknown[]): boolean => {
  const queue = queueWith(pending);
  queue.scheduleCheckPendingRequests();
  const isArmed = queue.throttleCheckTimeoutId !== null;
  queue.destroy();
  return isArmed;
};

test('a request queue with nothing pending arms no timer, which kafkajs does; one with something does', () => {
  assert.equal(armsTimer([]), true, 'kafkajs before the remedy');
  stopIdleTimers();
  stopIdleTimers();
  assert.equal(armsTimer([]), false);
  assert.equal(armsTimer([{}]), true);
});
