/** Kafka's error codes that Weir tells apart (protocol guide, "Error Codes"), and what each asks for. */

/** A broker refused: the code is all that counts. */
export class ProtocolError extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`Kafka error ${code} (${ERROR_NAMES[code] ?? 'unknown'})`);
    this.name = 'ProtocolError';
    this.code = code;
  }
}

export function refuse(code: number): void {
  if (code !== 0) throw new ProtocolError(code);
}

export const KAFKA_ERROR = {
  offsetOutOfRange: 1,
  corruptMessage: 2,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  notLeader: 6,
  requestTimedOut: 7,
  replicaNotAvailable: 9,
  messageTooLarge: 10,
  coordinatorLoading: 14,
  coordinatorNotAvailable: 15,
  notCoordinator: 16,
  invalidTopic: 17,
  recordListTooLarge: 18,
  notEnoughReplicas: 19,
  notEnoughReplicasAfterAppend: 20,
  illegalGeneration: 22,
  unknownMemberId: 25,
  rebalanceInProgress: 27,
  topicRights: 29,
  groupRights: 30,
  clusterRights: 31,
  unsupportedSasl: 33,
  unsupportedVersion: 35,
  topicExists: 36,
  invalidPartitions: 37,
  invalidReplication: 38,
  notController: 41,
  policyViolation: 44,
  storageError: 56,
  saslFailed: 58,
  listenerNotFound: 72,
  fencedLeaderEpoch: 74,
  unknownLeaderEpoch: 75,
  offsetNotAvailable: 78,
  memberIdRequired: 79,
  fencedInstanceId: 82,
  invalidRecord: 87,
  unknownTopicId: 100,
  inconsistentTopicId: 103,
} as const;

const ERROR_NAMES: Readonly<Record<number, string>> = Object.fromEntries(
  Object.entries(KAFKA_ERROR).map(([name, code]) => [code, name]),
);

const of = (...codes: readonly number[]): ReadonlySet<number> => new Set(codes);
const E = KAFKA_ERROR;

/** Who leads a partition, or which id a topic has, was out of date: ask again. */
export const STALE_METADATA: ReadonlySet<number> = of(
  E.unknownTopicOrPartition,
  E.leaderNotAvailable,
  E.notLeader,
  E.replicaNotAvailable,
  E.storageError,
  E.listenerNotFound,
  E.fencedLeaderEpoch,
  E.unknownLeaderEpoch,
  E.offsetNotAvailable,
  E.unknownTopicId,
  E.inconsistentTopicId,
);
export const STALE_COORDINATOR: ReadonlySet<number> = of(
  E.coordinatorLoading,
  E.coordinatorNotAvailable,
  E.notCoordinator,
);
export const FENCED: ReadonlySet<number> = of(
  E.illegalGeneration,
  E.unknownMemberId,
  E.rebalanceInProgress,
  E.fencedInstanceId,
);
export const RIGHTS: ReadonlySet<number> = of(E.topicRights, E.groupRights, E.clusterRights);
export const CREDENTIALS: ReadonlySet<number> = of(E.unsupportedSasl, E.saslFailed);
export const TOO_LARGE: ReadonlySet<number> = of(E.messageTooLarge, E.recordListTooLarge);
