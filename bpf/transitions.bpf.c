/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Optional: what sock_ops cannot see. Sockets older than the capture never asked for state callbacks, and a connect()
 * that dies before its SYN (no free port) has none. Alone it would not be complete: the kernel skips a tracing program
 * that already runs on the CPU (recursion_misses).
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_core_read.h>
#include "flow_record.h"
#include "config.h"
#include "counters.h"
#include "maps/ring.h"
#include "maps/connections.h"
#include "maps/baselines.h"
#include "track/owner.h"
#include "track/tally.h"
#include "track/record.h"
#include "track/close.h"
#include "track/watched.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(flow_transition, struct sock *sk, int from, int to)
{
	struct connection *c;
	struct tcp_sock *tp;

	if (to != TCP_CLOSE || from == TCP_LISTEN || from == TCP_CLOSE || from == TCP_SYN_RECV)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	sk = (struct sock *)tp; /* the verifier lets only a tcp_sock be read past struct sock */
	c = connection_find(sk);
	if (c) {
		close_known(sk, tp, c, from);
	} else if (!(tp->bpf_sock_ops_cb_flags & BPF_SOCK_OPS_STATE_CB_FLAG) && is_watched(sk)) {
		bpf_get_socket_cookie(sk); /* makes one where nobody had asked before */
		close_unknown(sk, tp, from, FLOW_FLAG_SEEDED);
	}
	return 0;
}
