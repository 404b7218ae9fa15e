/** A recording of the fleet with its truth, made beside the pipeline: both nodes in one file. */
import { systemClock } from '../../contract/clock.ts';
import type { Config } from '../../contract/config-table.ts';
import { silentLogger } from '../../contract/log.ts';
import { startRecord } from '../../sidecar/recording/record.ts';
import { RecordingWriter } from '../../sidecar/recording/writer.ts';
import { openMachine } from '../sidecar-parts.ts';
import type { Fleet } from './fleet.ts';
import { WATCHED_NODES } from './fleet-plan.ts';
import { type NodeSettings, nodeSettings } from './node-settings.ts';

export interface FleetRecording {
  /** The rest of the rings, a last look, the truth; then the file is whole. */
  finish(truth: string): Promise<void>;
  /** Leave the file as it is, without an end. Idempotent. */
  abandon(): Promise<void>;
}

/** The file must not exist. WEIR_DATA_RIGHTS, WEIR_SIDECAR_*. */
export async function startFleetRecording(config: Config, fleet: Fleet, file: string): Promise<FleetRecording> {
  const writer = new RecordingWriter(file);
  const settings = WATCHED_NODES.map((node) => nodeSettings(fleet, node));
  const running = await Promise.all(settings.map((of, index) => recordNode(config, of, index, writer)));
  const stop = async (): Promise<void> => void (await Promise.all(running.map((one) => one.stop())));
  return {
    finish: async (truth) => {
      await stop();
      writer.truth(new TextEncoder().encode(truth));
      writer.close();
    },
    abandon: stop,
  };
}

function recordNode(config: Config, settings: NodeSettings, index: number, writer: RecordingWriter) {
  const { cluster, network, node, cgroup, intervalMs, scanMs, ringBytes } = settings;
  const of: Config = {
    ...config,
    cluster,
    network,
    'sidecar.node': node,
    'sidecar.cgroup': cgroup,
    'sidecar.ringBytes': ringBytes,
  };
  const { source, host } = openMachine(of, silentLogger);
  const ringPollMs = config['sidecar.ringPoll'];
  const named = { node, cluster, network };
  return startRecord({ writer, node: named, index, source, host, clock: systemClock, intervalMs, scanMs, ringPollMs });
}
