/** A recording of the fleet with its truth, made beside the pipeline: both nodes in one file. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../contract/clock.ts';
import type { Config } from '../../contract/config-table.ts';
import { silentLogger } from '../../contract/log.ts';
import { mergeRecordings } from '../../sidecar/recording/merge.ts';
import { startRecord } from '../../sidecar/recording/record.ts';
import { openRecording } from '../../sidecar/recording/recording.ts';
import { RecordingWriter } from '../../sidecar/recording/writer.ts';
import { openMachine } from '../sidecar-parts.ts';
import type { Fleet } from './fleet.ts';
import { WATCHED_NODES } from './fleet-plan.ts';
import { type NodeSettings, nodeSettings } from './node-settings.ts';

export interface FleetRecording {
  /** The rest of the rings, a last look, the truth; then the file is whole. */
  finish(truth: string): Promise<void>;
  /** Without a file. Idempotent. */
  abandon(): Promise<void>;
}

/** `file` must not exist; until it is whole its parts are in `folder`. WEIR_DATA_RIGHTS, WEIR_SIDECAR_*. */
export async function startFleetRecording(
  config: Config,
  fleet: Fleet,
  file: string,
  folder: string,
): Promise<FleetRecording> {
  const parts = WATCHED_NODES.map((node) => {
    const settings = nodeSettings(fleet, node);
    return { settings, writer: new RecordingWriter(join(folder, `${settings.node}.weirrec`)) };
  });
  const running = await Promise.all(parts.map(({ settings, writer }) => recordNode(config, settings, writer)));
  const stop = async (): Promise<void> => {
    await Promise.all(running.map((one) => one.stop()));
    for (const { writer } of parts) writer.close();
  };
  return {
    finish: async (truth) => {
      await stop();
      merge(
        parts.map(({ writer }) => writer.path),
        truth,
        file,
      );
    },
    abandon: stop,
  };
}

function merge(paths: readonly string[], truth: string, file: string): void {
  const writer = new RecordingWriter(file);
  writer.truth(new TextEncoder().encode(truth));
  const recordings = paths.map(openRecording);
  try {
    mergeRecordings(recordings, writer);
  } finally {
    for (const { bytes } of recordings) bytes.close();
    writer.close();
  }
  for (const path of paths) rmSync(path);
}

function recordNode(config: Config, settings: NodeSettings, writer: RecordingWriter) {
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
  return startRecord({
    writer,
    node: named,
    index: 0,
    source,
    host,
    clock: systemClock,
    intervalMs,
    scanMs,
    ringPollMs,
  });
}
