/** The sidecar on this machine's kernel, from a configuration: the same for `weir sidecar`, `weir run` and `weir record`. */
import { existsSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../contract/clock.ts';
import type { Config } from '../contract/config-table.ts';
import { WeirError } from '../contract/errors.ts';
import type { Logger } from '../contract/log.ts';
import type { Meter } from '../contract/meter.ts';
import type { TranslationFeed } from '../sidecar/conntrack/feed.ts';
import { KernelFeed } from '../sidecar/conntrack/kernel-feed.ts';
import { loadConntrack } from '../sidecar/conntrack/native-conntrack.ts';
import { openBpfSource } from '../sidecar/flow-source-bpf.ts';
import type { FlowSource } from '../sidecar/flow-source.ts';
import type { HostView } from '../sidecar/host-view.ts';
import { openProcHost } from '../sidecar/host/proc-host.ts';
import type { SidecarOptions } from '../sidecar/options.ts';
import { startSidecar } from '../sidecar/run.ts';
import type { SpoolOptions } from '../sidecar/spool.ts';
import type { StageParts, StageRun } from './stage-process.ts';
import { topicName } from './topics.ts';

/** A host name that would be no node name (CONTRACT: letters, digits, ".", "_", "-") is made one. */
export const nodeName = (config: Pick<Config, 'sidecar.node'>): string =>
  config['sidecar.node'] ||
  hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 128);

export interface Machine {
  readonly source: FlowSource;
  readonly host: HostView;
}

/** Capture by eBPF and the view of /proc. Nothing is loaded before the sidecar starts. `pin`: see cli/sidecar-pin.ts. */
export function openMachine(config: Config, logger: Logger, pin: string | null = null): Machine {
  const cgroup = config['sidecar.cgroup'] === '' ? {} : { cgroupPath: config['sidecar.cgroup'] };
  const source = openBpfSource({
    ...cgroup,
    ...(pin === null ? {} : { pinPath: pin }),
    ringBytes: config['sidecar.ringBytes'],
    onHookMissing: (hook, why) =>
      logger.warn({ hook, why: why.message }, 'a hook is missing; weir doctor tells its cost'),
  });
  const { cluster, network } = config;
  return { source, host: openProcHost({ cluster, network, node: nodeName(config), logger, ...cgroup }) };
}

/** `machine` may be a playback, `more` then has its own clock. */
export async function startSidecarFrom(
  { log, clock, logger, meter, config }: StageParts,
  machine: Machine,
  more: Partial<Pick<SidecarOptions, 'eventClock' | 'epoch' | 'spool'>> = {},
): Promise<StageRun> {
  const follows = config['sidecar.conntrack'] && machine.source.kind === 'ebpf';
  const stage = await startSidecar({
    ...(follows ? { translations: openTranslations(clock, logger, meter) } : {}),
    log,
    source: machine.source,
    host: machine.host,
    clock,
    logger,
    meter,
    cluster: config.cluster,
    network: config.network,
    node: machine.host.node,
    rawTopic: topicName(config, 'raw'),
    ownershipTopic: topicName(config, 'ownership'),
    batchFlows: config['sidecar.batchFlows'],
    batchAgeMs: config['sidecar.batchAge'],
    intervalMs: config['sidecar.interval'],
    heartbeatMs: config['sidecar.heartbeat'],
    scanMs: config['sidecar.scan'],
    ringPollMs: config['sidecar.ringPoll'],
    ...more,
  });
  return { stage };
}

/** Nothing is opened before something translates here. */
const openTranslations = (clock: Clock, logger: Logger, meter: Meter): TranslationFeed =>
  new KernelFeed({ addon: loadConntrack(), logger, meter, nowMs: () => clock.nowMs() });

/**
 * Adopt what is pinned, deliver it with its stream's total, and take it down. Connections that end before the next capture
 * is attached, some 50 ms later, are not seen. Fails: WEIR_TRANSPORT_UNAVAILABLE where the log does not take it.
 */
export async function endPinned(
  parts: StageParts,
  pin: string,
  more: { readonly spool?: SpoolOptions },
): Promise<void> {
  const { stage } = await startSidecarFrom(parts, openMachine(parts.config, parts.logger, pin), more);
  await stage.stop();
  if (!isPinned(pin)) return;
  const message = `what ${pin} holds could not be delivered, so it stays; start again when the log is back`;
  throw new WeirError('WEIR_TRANSPORT_UNAVAILABLE', message, { pin });
}

/** Whether an earlier process has left a capture there. */
export const isPinned = (folder: string): boolean => existsSync(join(folder, 'live'));

/** It has, and detached it before it died: the ring is read to its end, but nothing is recorded any more. */
export const hasEnded = (folder: string): boolean => isPinned(folder) && !existsSync(join(folder, 'live', 'link_flow'));

/** Batches of `weir run` are on this machine's disk anyway. WEIR_CONFIG_INVALID. */
export function refuseSpool(config: Config): void {
  if (config['sidecar.spool'] === '') return;
  const message = 'sidecar.spool is set; weir run has its log on this disk and needs none, leave it empty';
  throw new WeirError('WEIR_CONFIG_INVALID', message, { key: 'sidecar.spool' });
}

/** The configured spool, null without one; the caller closes its log. WEIR_TRANSPORT_*, WEIR_DATA_RIGHTS. */
export async function openSpool(config: Config): Promise<SpoolOptions | null> {
  const folder = config['sidecar.spool'];
  if (folder === '') return null;
  const { openEmbeddedLog } = await import('../transport/embedded/embedded-log.ts');
  return { log: await openEmbeddedLog({ path: join(folder, 'spool.sqlite') }), bytesMax: config['sidecar.spoolBytes'] };
}
