import { connectionEnds } from './connection-ends.ts';
import { connections } from './connections.ts';
import { edges } from './edges.ts';
import { ocsfNetworkActivity } from './ocsf-network-activity.ts';
import { ownershipHistory } from './ownership-history.ts';
import type { View } from './view.ts';
import { vpcFlowLog } from './vpc-flow-log.ts';

/** Every view, each after those that it reads. */
export const VIEWS: readonly View[] = [
  connectionEnds,
  connections,
  edges,
  vpcFlowLog,
  ocsfNetworkActivity,
  ownershipHistory,
];
