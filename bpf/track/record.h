/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Filling a flow record: who and where, then how much. */
#ifndef WEIR_TRACK_RECORD_H
#define WEIR_TRACK_RECORD_H

static __always_inline bool is_v4mapped(struct in6_addr *a)
{
	return !a->in6_u.u6_addr32[0] && !a->in6_u.u6_addr32[1] && a->in6_u.u6_addr32[2] == bpf_htonl(0xffff);
}

static __always_inline void put_v6(__u8 *to, struct in6_addr *a)
{
	*(__u32 *)to = a->in6_u.u6_addr32[0];
	*(__u32 *)(to + 4) = a->in6_u.u6_addr32[1];
	*(__u32 *)(to + 8) = a->in6_u.u6_addr32[2];
	*(__u32 *)(to + 12) = a->in6_u.u6_addr32[3];
}

static __always_inline void put_v4(__u8 *to, __u32 addr)
{
	*(__u64 *)to = 0;
	*(__u32 *)(to + 8) = bpf_htonl(0xffff);
	*(__u32 *)(to + 12) = addr;
}

/* The local port is inet_sport: skc_num is already 0 on the way to CLOSE. */
static __always_inline void record_tuple(struct flow_record *r, struct sock *sk)
{
	struct inet_sock *inet = (struct inet_sock *)sk;

	r->local_port = bpf_ntohs(inet->inet_sport);
	r->remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
	if (sk->__sk_common.skc_family != AF_INET6) {
		put_v4(r->local_addr, sk->__sk_common.skc_rcv_saddr);
		put_v4(r->remote_addr, sk->__sk_common.skc_daddr);
		r->family = 4;
		return;
	}
	put_v6(r->local_addr, &sk->__sk_common.skc_v6_rcv_saddr);
	put_v6(r->remote_addr, &sk->__sk_common.skc_v6_daddr);
	r->family = 6;
	if (is_v4mapped(&sk->__sk_common.skc_v6_daddr)) {
		r->family = 4;
		r->flags |= FLOW_FLAG_V4MAPPED;
	}
}

/* A SYN or FIN under way takes a sequence number and is no payload. */
static __always_inline __u32 record_unsent(struct tcp_sock *tp, __u8 state)
{
	__u32 unsent = tp->write_seq - tp->snd_una;
	__u32 with_flag = 1 << TCP_SYN_SENT | 1 << TCP_SYN_RECV | 1 << TCP_FIN_WAIT1 | 1 << TCP_CLOSING | 1 << TCP_LAST_ACK;

	return unsent && 1 << state & with_flag ? unsent - 1 : unsent;
}

static __always_inline void record_gauges(struct flow_record *r, struct tcp_sock *tp, __u8 state)
{
	r->unsent_bytes = record_unsent(tp, state);
	r->rtt_us = tp->srtt_us >> 3;
	r->rtt_var_us = tp->mdev_us >> 2;
	r->rtt_min_us = tp->rtt_min.s[0].v;
	r->snd_cwnd_segments = tp->snd_cwnd;
	r->mss_bytes = tp->mss_cache;
}

static __always_inline void record_connection(struct flow_record *r, struct connection *c)
{
	r->opened_ns = c->opened_ns;
	r->start_ns = c->opened_ns;
	r->pid = c->pid;
	__builtin_memcpy(r->comm, c->comm, sizeof(r->comm));
	r->role = c->role;
	r->connect_us = c->connect_us;
	r->flags |= c->flags;
}

/* Everything but the counts. `c` is NULL where the connection has no entry. */
static __always_inline void record_describe(struct flow_record *r, struct sock *sk, struct tcp_sock *tp,
					    struct connection *c, __u8 state)
{
	__builtin_memset(r, 0, sizeof(*r));
	r->cookie = sk->__sk_common.skc_cookie.counter;
	r->cgroup_id = sk->sk_cgrp_data.cgroup->kn->id;
	r->netns = sk->__sk_common.skc_net.net->ns.inum;
	r->uid = sk->sk_uid.val;
	r->old_state = state;
	r->error = sk->sk_err;
	r->sk_shutdown = sk->sk_shutdown & 3;
	if (sk->__sk_common.skc_flags & SOCK_DONE_BIT)
		r->flags |= FLOW_FLAG_FIN_RECEIVED;
	record_tuple(r, sk);
	record_gauges(r, tp, state);
	if (c)
		record_connection(r, c);
}

/* The difference of two tallies; `t` was raised to `base` before. */
static __always_inline void record_counts(struct flow_record *r, const struct tally *t, const struct tally *base)
{
	r->end_ns = t->end_ns;
	if (base->records) {
		r->start_ns = base->end_ns;
		r->flags |= FLOW_FLAG_HAD_INTERIM;
	}
	r->interim_count = base->records;
	r->bytes_sent = t->bytes_sent - base->bytes_sent;
	r->bytes_received = t->bytes_received - base->bytes_received;
	r->bytes_retransmitted = t->bytes_retransmitted - base->bytes_retransmitted;
	r->segments_sent = t->segments_sent - base->segments_sent;
	r->segments_received = t->segments_received - base->segments_received;
	r->data_segments_sent = t->data_segments_sent - base->data_segments_sent;
	r->data_segments_received = t->data_segments_received - base->data_segments_received;
	r->retransmitted_segments = t->retransmitted_segments - base->retransmitted_segments;
	r->lost_segments = t->lost_segments - base->lost_segments;
	r->reordering_events = t->reordering_events - base->reordering_events;
	r->out_of_order_segments = t->out_of_order_segments - base->out_of_order_segments;
	r->rto_timeouts = (__u16)(t->rto_timeouts - base->rto_timeouts);
	r->busy_jiffies = t->busy_jiffies - base->busy_jiffies;
	r->rwnd_limited_jiffies = t->rwnd_limited_jiffies - base->rwnd_limited_jiffies;
	r->sndbuf_limited_jiffies = t->sndbuf_limited_jiffies - base->sndbuf_limited_jiffies;
}

#endif
