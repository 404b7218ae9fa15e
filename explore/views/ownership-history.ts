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

const by = (table: string, names: readonly string[]): string[] => names.map((name) => `${table}.${name}`);

/**
 * Reporters repeat what they hold, and tell again when it ends: the closing wins over the open. What a life of a reporter
 * held open when it ended (rows of method `none`) was held until then, unless a later life goes on with the same claim.
 * Objects of older versions name no life: what they leave open ends where a life that is named ends it.
 */
export const ownershipHistory: View = {
  name: 'ownership_history',
  doc: 'Who held an address from when to when (valid_to is null while it is held), each claim once.',
  sql: () => `WITH lives AS (
  SELECT network, claimed_by, epoch,
    max(CASE WHEN valid_to IS NOT NULL THEN valid_from END) AS ended,
    max(CASE WHEN valid_to IS NULL THEN valid_from END) AS resumed
  FROM ownership WHERE method = 'none' GROUP BY network, claimed_by, epoch
), said AS (
  SELECT
${columns([...KEY, 'epoch', 'max(valid_to) AS valid_to', ...REST.map((name) => `max(${name}) AS ${name}`)])}
  FROM ownership WHERE method <> 'none' GROUP BY ${KEY.join(', ')}, epoch
), bounded AS (
  SELECT
${columns([...by('said', [...KEY, 'epoch', ...REST]), 'CASE WHEN said.valid_to IS NOT NULL THEN said.valid_to WHEN lives.resumed IS NULL OR lives.ended > lives.resumed THEN lives.ended END AS valid_to'])}
  FROM said LEFT JOIN lives
    ON lives.network = said.network AND lives.claimed_by = said.claimed_by AND lives.epoch = said.epoch
)
SELECT
${columns([...KEY, 'CASE WHEN count(CASE WHEN valid_to IS NULL THEN epoch END) > 0 THEN NULL ELSE max(valid_to) END AS valid_to', ...REST.map((name) => `max(${name}) AS ${name}`)])}
FROM bounded
GROUP BY ${KEY.join(', ')}`,
};
