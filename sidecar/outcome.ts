/** How a connection ended, from its kind, the TCP state before CLOSE and sk_err. Facts: scenarios of the capture tests. */
import { LocalOutcome } from '../schemas/generated/common.ts';
import { FLOW_KIND_FAILED, FLOW_KIND_INTERIM } from '../schemas/generated/record-offsets.ts';

/** include/uapi/asm-generic/errno.h; the same on x86-64 and arm64. */
const EPIPE = 32;
const ENETUNREACH = 101;
const ECONNRESET = 104;
const ETIMEDOUT = 110;
const ECONNREFUSED = 111;
const EHOSTUNREACH = 113;

/** include/net/tcp_states.h */
const TCP_ESTABLISHED = 1;
const TCP_CLOSE_WAIT = 8;

export function outcomeOf(kind: number, oldState: number, error: number): LocalOutcome {
  if (kind === FLOW_KIND_INTERIM) return LocalOutcome.open;
  return kind === FLOW_KIND_FAILED ? outcomeOfFailed(error) : outcomeOfFinal(oldState, error);
}

/** A RST in answer to a SYN may be told as reset or refused; both are a refusal. */
function outcomeOfFailed(error: number): LocalOutcome {
  switch (error) {
    case 0:
      return LocalOutcome.abandoned;
    case ECONNREFUSED:
    case ECONNRESET:
      return LocalOutcome.refused;
    case ETIMEDOUT:
      return LocalOutcome.timedOut;
    case EHOSTUNREACH:
    case ENETUNREACH:
      return LocalOutcome.unreachable;
    default:
      return LocalOutcome.other;
  }
}

/**
 * A connection that goes to CLOSE from ESTABLISHED or CLOSE_WAIT without an error was never closed by a FIN of ours:
 * the local end sent a RST (unread data, SO_LINGER 0, AF_UNSPEC).
 */
function outcomeOfFinal(oldState: number, error: number): LocalOutcome {
  switch (error) {
    case 0:
      return oldState === TCP_ESTABLISHED || oldState === TCP_CLOSE_WAIT
        ? LocalOutcome.resetByLocal
        : LocalOutcome.closed;
    case ECONNRESET:
    case EPIPE:
      return LocalOutcome.resetByRemote;
    case ETIMEDOUT:
      return LocalOutcome.timedOut;
    case EHOSTUNREACH:
    case ENETUNREACH:
      return LocalOutcome.unreachable;
    default:
      return LocalOutcome.other;
  }
}
