/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A connection ends: one record, whoever sees it first. */
#ifndef WEIR_TRACK_CLOSE_H
#define WEIR_TRACK_CLOSE_H

/*
 * What can be said of a connection without an entry: SYN_SENT is a client's state, and where no segment was ever sent
 * connect() itself is failing, in its caller's context (no free port), so that it begins and ends now. Otherwise `why` is the
 * flag that tells why there is no entry.
 */
static __always_inline void close_guess(struct flow_record *r, struct sock *sk, struct tcp_sock *tp, __u32 from,
					__u16 why)
{
	bool in_connect = from == TCP_SYN_SENT && !tp->segs_out;

	if (from == TCP_SYN_SENT)
		r->role = FLOW_ROLE_CLIENT;
	if (in_connect || owner_runs(sk, from, TCP_CLOSE)) {
		owner_is_current(&r->pid, r->comm);
		r->flags |= FLOW_FLAG_OWNER_AT_CLOSE;
	}
	if (in_connect)
		r->opened_ns = r->start_ns = r->end_ns;
	else
		r->flags |= why;
}

static __always_inline void close_emit(struct sock *sk, struct tcp_sock *tp, struct connection *c,
				       const struct tally *base, __u32 from, __u16 why)
{
	struct flow_record *r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	struct tally t;

	if (!r) {
		COUNT(ring_full);
		return;
	}
	tally_read(sk, tp, bpf_ktime_get_boot_ns(), &t);
	tally_raise(&t, base);
	record_describe(r, sk, tp, c, from);
	record_counts(r, &t, base);
	r->kind = (c ? c->established : from != TCP_SYN_SENT) ? FLOW_KIND_FINAL : FLOW_KIND_FAILED;
	if (!c)
		close_guess(r, sk, tp, from, why);
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	COUNT(reserved);
}

/* With an entry: claim the end, report what came since the last record that was reserved, forget the connection. */
static __always_inline void close_known(struct sock *sk, struct tcp_sock *tp, struct connection *c, __u32 from)
{
	__u64 claim = __sync_fetch_and_or(&c->claim, CLAIM_CLOSED), cookie = c->cookie;
	const struct tally *base = &no_baseline.slot[0];

	if (claim & CLAIM_CLOSED)
		return;
	if (owner_runs(sk, from, TCP_CLOSE))
		owner_learn(c);
	if (claim & CLAIM_HAS_BASELINE) {
		struct baseline *b = bpf_map_lookup_elem(&baselines, &cookie);

		if (b)
			base = &b->slot[claim & CLAIM_SLOT];
	}
	close_emit(sk, tp, c, base, from, 0);
	if (claim & CLAIM_HAS_BASELINE)
		bpf_map_delete_elem(&baselines, &cookie);
	connection_drop(sk);
}

/* Without one: the state map was full, or it is older than the capture and no walk has met it. */
static __always_inline void close_unknown(struct sock *sk, struct tcp_sock *tp, __u32 from, __u16 why)
{
	close_emit(sk, tp, NULL, &no_baseline.slot[0], from, why);
}

#endif
