import { columns, type View } from './view.ts';

const KEY = [
  'network',
  'addr',
  'prefix_length',
  'port',
  'valid_from',
  'method',
  'claimed_by',
  'instance_uid',
  'workload',
  'namespace',
];
const REST = [
  'cluster',
  'workload_kind',
  'instance',
  'node',
  'region',
  'availability_zone',
  'account_id',
  'vpc_id',
  'subnet_id',
  'labels',
];

/** Reporters repeat what they hold, and tell again when it ends: the closing wins over the open. */
export const ownershipHistory: View = {
  name: 'ownership_history',
  doc: 'Who held an address from when to when (valid_to is null while it is held), each claim once.',
  sql: () => `SELECT
${columns([...KEY, 'max(valid_to) AS valid_to', ...REST.map((name) => `max(${name}) AS ${name}`)])}
FROM ownership
GROUP BY ${KEY.join(', ')}`,
};
