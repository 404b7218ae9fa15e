import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WeirError } from '../../../../contract/errors.ts';
import {
  AnswerUnreadable,
  ConnectionLost,
  connectFault,
  CredentialsRefused,
  remedyOf,
  weirError,
} from '../../../../transport/kafka/faults.ts';
import { KAFKA_ERROR, ProtocolError } from '../../../../transport/kafka/protocol/error-codes.ts';

const codeOf = (error: unknown): string => weirError(error, 'what').code;

test('what a broker says becomes our code, and what may pass by itself is tried again', () => {
  const told = (name: keyof typeof KAFKA_ERROR): [string, string] => {
    const error = new ProtocolError(KAFKA_ERROR[name]);
    return [codeOf(error), remedyOf(error)];
  };
  assert.deepEqual(told('notLeader'), ['WEIR_TRANSPORT_UNAVAILABLE', 'metadata']);
  assert.deepEqual(told('unknownTopicId'), ['WEIR_TRANSPORT_UNAVAILABLE', 'metadata']);
  assert.deepEqual(told('unknownTopicOrPartition'), ['WEIR_TRANSPORT_UNKNOWN_TOPIC', 'metadata']);
  assert.deepEqual(told('notCoordinator'), ['WEIR_TRANSPORT_UNAVAILABLE', 'coordinator']);
  assert.deepEqual(told('notEnoughReplicas'), ['WEIR_TRANSPORT_UNAVAILABLE', 'again']);
  assert.deepEqual(told('topicRights'), ['WEIR_TRANSPORT_RIGHTS', 'none']);
  assert.deepEqual(told('groupRights'), ['WEIR_TRANSPORT_RIGHTS', 'none']);
  assert.deepEqual(told('messageTooLarge'), ['WEIR_TRANSPORT_MESSAGE_TOO_LARGE', 'none']);
  assert.deepEqual(told('illegalGeneration'), ['WEIR_TRANSPORT_FENCED', 'none']);
  assert.deepEqual(told('unsupportedVersion'), ['WEIR_TRANSPORT_BROKER_VERSION', 'none']);
  assert.equal(codeOf(new ProtocolError(9999)), 'WEIR_TRANSPORT_UNAVAILABLE');
});

test('a lost connection and a cut answer are tried again; a defect of ours is not', () => {
  assert.deepEqual(
    [new ConnectionLost('gone'), new AnswerUnreadable('cut'), new RangeError('ours'), new CredentialsRefused('no')].map(
      (error) => [codeOf(error), remedyOf(error)],
    ),
    [
      ['WEIR_TRANSPORT_UNAVAILABLE', 'metadata'],
      ['WEIR_TRANSPORT_UNAVAILABLE', 'again'],
      ['WEIR_INTERNAL', 'none'],
      ['WEIR_TRANSPORT_CREDENTIALS', 'again'],
    ],
  );
  const own = new WeirError('WEIR_TRANSPORT_CLOSED', 'closed');
  assert.equal(weirError(own, 'what'), own);
});

test('a failed connect is told apart: credentials, certificates, a peer that is away', () => {
  const named = (name: string, message: string): Error => Object.assign(new Error(message), { name });
  const kinds = [
    named('KafkaJSSASLAuthenticationError', 'SASL PLAIN authentication failed: Authentication failed'),
    named('KafkaJSConnectionError', 'Connection error: self-signed certificate'),
    named('KafkaJSConnectionError', "Connection error: Hostname/IP does not match certificate's altnames"),
    named('KafkaJSConnectionError', 'Connection error: connect ECONNREFUSED 127.0.0.1:1'),
    named('KafkaJSConnectionClosedError', 'Closed connection'),
  ].map((error) => connectFault(error, 'kafka:9092').name);
  assert.deepEqual(kinds, [
    'CredentialsRefused',
    'CredentialsRefused',
    'CredentialsRefused',
    'ConnectionLost',
    'ConnectionLost',
  ]);
});
