/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The core object: sock_ops on the watched cgroup, the primary source. Cgroup programs have no recursion guard, so nested
 * softirqs lose nothing. It makes every map; the optional objects are given them.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
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
#include "track/open.h"
#include "track/close.h"
#include "track/listen.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline void on_state(struct bpf_sock_ops *ops, struct sock *sk, struct tcp_sock *tp)
{
	__u32 from = ops->args[0], to = ops->args[1];
	struct connection *c = connection_find(sk);

	if (c && to != TCP_CLOSE && owner_runs(sk, from, to))
		owner_learn(c);
	if (to != TCP_CLOSE || from == TCP_LISTEN || from == TCP_CLOSE)
		return;
	if (c) {
		close_known(sk, tp, c, from);
	} else if (from != TCP_SYN_RECV) { /* a child that never came to be accepted */
		bpf_get_socket_cookie(ops); /* makes one where nobody had asked before */
		/* An older socket has our callback where another program asked for it. */
		close_unknown(sk, tp, from, open_went_without ? FLOW_FLAG_NO_STATE : FLOW_FLAG_SEEDED);
	}
}

SEC("sockops")
int flow_sock_ops(struct bpf_sock_ops *ops)
{
	__u32 op = ops->op;
	struct tcp_sock *tp;
	struct sock *sk;

	if (op != BPF_SOCK_OPS_TCP_CONNECT_CB && op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB &&
	    op != BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB && op != BPF_SOCK_OPS_STATE_CB && op != BPF_SOCK_OPS_TCP_LISTEN_CB)
		return 1;
	if (!ops->sk)
		return 1;
	tp = bpf_skc_to_tcp_sock(ops->sk);
	if (!tp)
		return 1;
	sk = (struct sock *)tp;
	if (op == BPF_SOCK_OPS_TCP_CONNECT_CB)
		open_client(ops, sk);
	else if (op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
		open_client_established(ops, sk);
	else if (op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		open_server(ops, sk, tp);
	else if (op == BPF_SOCK_OPS_TCP_LISTEN_CB)
		listen_emit(ops, sk);
	else
		on_state(ops, sk, tp);
	return 1;
}
