/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From sock_ops: a connection begins. */
#ifndef WEIR_TRACK_OPEN_H
#define WEIR_TRACK_OPEN_H

/* Ask for state changes of this socket, and keep what other programs asked for: the call replaces the whole set. */
static __always_inline void open_watch(struct bpf_sock_ops *ops)
{
	bpf_sock_ops_cb_flags_set(ops, ops->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

static __always_inline void open_begin(struct connection *c, struct bpf_sock_ops *ops, __u8 role)
{
	__u64 now = bpf_ktime_get_boot_ns();

	__builtin_memset(c, 0, sizeof(*c));
	c->claim = now << CLAIM_BIRTH_SHIFT;
	c->cookie = bpf_get_socket_cookie(ops);
	c->opened_ns = now;
	c->role = role;
}

/* Did any connection go without an entry? Where none did, a socket without one is older than the capture. */
volatile bool open_went_without;

static __always_inline void open_put(struct sock *sk, struct connection *c)
{
	if (!connection_put(sk, c, BPF_ANY))
		return;
	open_went_without = true;
	COUNT(state_full);
}

/* connect(): the SYN is about to be sent, in the caller's context. */
static __always_inline void open_client(struct bpf_sock_ops *ops, struct sock *sk)
{
	struct connection c;

	open_watch(ops);
	open_begin(&c, ops, FLOW_ROLE_CLIENT);
	owner_is_current(&c.pid, c.comm);
	open_put(sk, &c);
}

static __always_inline void open_established(struct connection *c)
{
	c->connect_us = (bpf_ktime_get_boot_ns() - c->opened_ns) / 1000;
	c->established = 1;
}

static __always_inline bool open_is_watched(struct bpf_sock_ops *ops)
{
	return ops->bpf_sock_ops_cb_flags & BPF_SOCK_OPS_STATE_CB_FLAG;
}

/* The client's handshake is done. Without an entry the SYN is older than the capture, or the map was full. */
static __always_inline void open_client_established(struct bpf_sock_ops *ops, struct sock *sk)
{
	struct connection *known = connection_find(sk), c;

	if (known) {
		open_established(known);
		return;
	}
	if (open_is_watched(ops))
		return;
	open_watch(ops);
	open_begin(&c, ops, FLOW_ROLE_CLIENT);
	c.opened_ns = 0;
	c.flags = FLOW_FLAG_SEEDED;
	c.established = 1;
	open_put(sk, &c);
}

/*
 * The server's handshake is done (or a Fast Open SYN brought data): whoever accepts it is not known yet. The kernel says
 * the same of a client whose SYN crossed another one (a socket connected to itself): that one we have been watching.
 */
static __always_inline void open_server(struct bpf_sock_ops *ops, struct sock *sk, struct tcp_sock *tp)
{
	struct connection *known = open_is_watched(ops) ? connection_find(sk) : NULL, c;

	if (known && known->role == FLOW_ROLE_CLIENT && !known->established) {
		open_established(known);
		return;
	}
	open_watch(ops);
	open_begin(&c, ops, FLOW_ROLE_SERVER);
	c.connect_us = tp->srtt_us >> 3;
	c.established = 1;
	open_put(sk, &c);
}

#endif
