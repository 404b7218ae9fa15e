/** What this machine allows of capture, hook by hook, and what a missing one costs: for `weir doctor`. */
import { existsSync } from 'node:fs';
import { fromUnknown, WeirError } from '../contract/errors.ts';
import { BTF_FILE, lackingHere, MOUNT_BPFFS, mountHere, requireBtf, resolveCgroup } from './capture-host.ts';
import { captureError, loadAddon } from './native.ts';
import type { HookName, NativeError } from './native.ts';

export interface HookReport {
  readonly name: string;
  readonly works: boolean;
  /** Why not; empty when it works. */
  readonly why: string;
  /** What does not work without it. */
  readonly cost: string;
  /** The command that mends it, or empty when there is none. */
  readonly mend: string;
  /** Without it there is no capture at all. */
  readonly needed: boolean;
}

const PROBE_RING_BYTES = 65_536;
const PROBE_STATE_ENTRIES = 1024;

const COSTS: Readonly<Record<HookName, string>> = {
  sock_ops: 'No capture: it is the source of every record.',
  'tp_btf/inet_sock_set_state':
    'Connections older than the start, and connect() calls that fail before their SYN, end without a record.',
  'iter/task_file':
    'No interim records of long connections, and connections older than the start end without owner and role.',
};

const report = (name: string, why: string, cost: string, mend = '', needed = false): HookReport => ({
  name,
  works: why === '',
  why,
  cost,
  mend: why === '' ? '' : mend,
  needed,
});

/** The message of whatever `check` throws, or empty. */
function reason(check: () => void): string {
  try {
    check();
    return '';
  } catch (cause) {
    return fromUnknown(cause, 'WEIR_SIDECAR_LOAD_FAILED', 'the check failed').message;
  }
}

function probeBtf(): HookReport {
  return report('BTF', reason(requireBtf), `No capture: programs are fitted to the kernel by ${BTF_FILE}.`, '', true);
}

function probeCgroup(cgroupPath?: string): HookReport {
  const why = reason(() => resolveCgroup(cgroupPath));
  const mend = cgroupPath === undefined ? 'mount -t cgroup2 none /sys/fs/cgroup/unified' : '';
  return report('cgroup v2', why, 'No capture: sock_ops is attached to a cgroup v2.', mend, true);
}

function probeRights(): HookReport {
  const lacking = lackingHere();
  const why = lacking.length === 0 ? '' : `this process lacks ${lacking.join(', ')}`;
  return report(
    'rights',
    why,
    'No capture: loading and attaching need CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN.',
    'sudo',
    true,
  );
}

function probeBpffs(): HookReport {
  const why = mountHere('bpf') === null ? 'no file system of type bpf in /proc/mounts' : '';
  const mend = existsSync('/sys/fs/bpf') ? MOUNT_BPFFS : '';
  return report(
    'bpffs',
    why,
    'A capture cannot be pinned: a process that is killed takes its ring along, and nothing is recorded until the next one.',
    mend,
  );
}

const describe = (error: NativeError): string => {
  const verdict = error.log.trimEnd().split('\n').slice(-2, -1)[0] ?? '';
  return verdict === '' ? error.message : `${error.message} (${verdict})`;
};

/** Load everything on a small ring, take it down again, and tell what worked. */
function probeHooks(cgroupPath?: string): HookReport[] {
  const names = Object.keys(COSTS) as HookName[];
  try {
    requireBtf();
    const path = resolveCgroup(cgroupPath);
    const addon = loadAddon();
    try {
      const options = {
        cgroupPath: path,
        ringBytes: PROBE_RING_BYTES,
        stateEntries: PROBE_STATE_ENTRIES,
        pinPath: null,
      };
      const { handle, hooks } = addon.load(options);
      addon.unload(handle);
      return names.map((name) => {
        const error = hooks[name];
        return report(name, error === null ? '' : describe(error), COSTS[name], '', name === 'sock_ops');
      });
    } catch (cause) {
      throw captureError(cause, path, lackingHere());
    }
  } catch (cause) {
    const why = cause instanceof WeirError ? cause.message : String(cause);
    return names.map((name) => report(name, why, COSTS[name], '', name === 'sock_ops'));
  }
}

/**
 * Probe this machine. Programs are attached to the watched cgroup for a few milliseconds; nothing is left behind.
 * Never fails: what does not work says why.
 */
export function probeCapture(cgroupPath?: string): readonly HookReport[] {
  const hooks = probeHooks(cgroupPath);
  const ring = hooks[0]?.works === true ? '' : (hooks[0]?.why ?? '');
  const ringReport = report('ring buffer', ring, 'No capture: records come through it.', '', true);
  return [probeBtf(), probeCgroup(cgroupPath), probeRights(), ...hooks, ringReport, probeBpffs()];
}
