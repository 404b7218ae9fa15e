/** How a node of the demo is watched. */
import type { Fleet } from './fleet.ts';
import { nodeName, type NodeName } from './fleet-plan.ts';

export interface NodeSettings {
  readonly cluster: string;
  readonly network: string;
  readonly node: string;
  readonly cgroup: string;
  readonly intervalMs: number;
  readonly heartbeatMs: number;
  readonly scanMs: number;
  readonly ringBytes: number;
}

export const nodeSettings = (fleet: Fleet, node: NodeName): NodeSettings => ({
  cluster: 'demo',
  network: `demo-${fleet.id}`,
  node: nodeName(fleet.id, node),
  cgroup: fleet.nodeCgroup(node),
  intervalMs: 5000,
  heartbeatMs: 1000,
  scanMs: 250,
  ringBytes: 4 * 1024 * 1024,
});
