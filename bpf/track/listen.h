/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From sock_ops: a socket begins to listen, so that its address is claimed before the first connection. */
#ifndef WEIR_TRACK_LISTEN_H
#define WEIR_TRACK_LISTEN_H

static __always_inline void listen_emit(struct bpf_sock_ops *ops, struct sock *sk)
{
	struct inet_sock *inet = (struct inet_sock *)sk;
	struct listen_record *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);

	if (!r) {
		COUNT(listen_dropped);
		return;
	}
	__builtin_memset(r, 0, sizeof(*r));
	r->at_ns = bpf_ktime_get_boot_ns();
	r->cookie = bpf_get_socket_cookie(ops);
	r->cgroup_id = sk->sk_cgrp_data.cgroup->kn->id;
	r->netns = sk->__sk_common.skc_net.net->ns.inum;
	owner_is_current(&r->pid, r->comm);
	r->port = bpf_ntohs(inet->inet_sport);
	r->family = sk->__sk_common.skc_family == AF_INET6 ? 6 : 4;
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
}

#endif
