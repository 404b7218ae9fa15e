/** The sidecars of a recording: one for every node that it holds. */
import { WeirError } from '../contract/errors.ts';
import type { Stage } from '../contract/stage.ts';
import { playRecording } from '../sidecar/recording/playback.ts';
import { openRecording } from '../sidecar/recording/recording.ts';
import type { RecordingSource } from './recording-source.ts';
import { startSidecarFrom } from './sidecar-parts.ts';
import type { StageParts } from './stage-process.ts';

/**
 * Play a file as fast as it is read; cluster, network and node are the recorded ones. The stages end by themselves.
 * WEIR_SIDECAR_RECORDING_INVALID with the byte offset, before anything is played.
 */
export async function startPlayback(parts: StageParts, { file, isPart }: RecordingSource): Promise<readonly Stage[]> {
  const recording = openRecording(file);
  const { cutAt } = recording;
  if (cutAt !== null && !isPart) {
    recording.bytes.close();
    const message = `${file} has no end, whole blocks stop at byte ${cutAt}: its recorder was killed, or it was cut`;
    const remedy = `--source recording-part:${file} plays what is whole`;
    throw new WeirError('WEIR_SIDECAR_RECORDING_INVALID', `${message}; ${remedy}`, { file, offset: cutAt });
  }
  if (cutAt !== null) parts.logger.warn({ file, bytes: cutAt }, 'the recording is cut: what is whole is played');
  const started: Stage[] = [];
  try {
    const nodes = playRecording(recording, { paced: false });
    // All at once: the nodes of a recording wait for each other's clocks.
    const starting = nodes.map(async ({ cluster, network, source, host, clock, epoch }) => {
      const config = { ...parts.config, cluster, network };
      const { stage } = await startSidecarFrom({ ...parts, config }, { source, host }, { eventClock: clock, epoch });
      started.push(stage);
    });
    await Promise.all(starting);
  } catch (error) {
    await Promise.allSettled(started.map((stage) => stage.stop()));
    recording.bytes.close();
    throw error;
  }
  void Promise.allSettled(started.map((stage) => stage.done)).then(() => recording.bytes.close());
  return started;
}
