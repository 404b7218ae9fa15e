/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From the walk over every process's files: take up sockets older than the capture, report those that are open. */
#ifndef WEIR_TRACK_REPORT_H
#define WEIR_TRACK_REPORT_H

#define LIVE_STATES \
	(1 << TCP_ESTABLISHED | 1 << TCP_FIN_WAIT1 | 1 << TCP_FIN_WAIT2 | 1 << TCP_CLOSE_WAIT | 1 << TCP_CLOSING | \
	 1 << TCP_LAST_ACK)

static __always_inline bool is_live(__u8 state)
{
	return 1 << state & LIVE_STATES;
}

static __always_inline void report_owner(struct task_struct *task, __u32 *pid, __u8 *comm)
{
	*pid = task->tgid;
	bpf_probe_read_kernel(comm, 16, task->group_leader->comm);
}

/*
 * Take up a socket older than the capture. It is reported by the next walk, not this one: the tracepoint of its close
 * may be running right now, having found no entry, and has then reported it already.
 */
static __always_inline void report_seed(struct sock *sk, struct task_struct *task)
{
	struct connection c;

	if (!is_watched(sk))
		return;
	__builtin_memset(&c, 0, sizeof(c));
	c.claim = bpf_ktime_get_boot_ns() << CLAIM_BIRTH_SHIFT;
	c.cookie = bpf_get_socket_cookie(sk); /* makes one where nobody had asked before */
	c.flags = FLOW_FLAG_SEEDED;
	c.established = 1;
	report_owner(task, &c.pid, c.comm);
	/* Not BPF_NOEXIST: a stale entry of a recycled socket address may be in the way. */
	if (connection_put(sk, &c, BPF_ANY))
		COUNT(state_full);
	else
		COUNT(seeded);
}

/*
 * While the socket is being worked on, bytes_received may contain a FIN that SOCK_DONE does not tell yet. One byte is
 * held back then; the next record has it. A reading is quiet if nobody held the lock before and after and no segment came.
 */
static __always_inline bool is_busy(struct sock *sk)
{
	__u32 lock = 0;

	bpf_probe_read_kernel(&lock, sizeof(lock), &sk->sk_lock.slock);
	return lock || sk->sk_lock.owned;
}

static __always_inline void report_tally(struct sock *sk, struct tcp_sock *tp, struct tally *t)
{
	bool busy = is_busy(sk);

	tally_read(sk, tp, bpf_ktime_get_boot_ns(), t);
	busy = busy || is_busy(sk) || tp->segs_in != t->segments_received;
	if (busy && t->bytes_received && !(sk->__sk_common.skc_flags & SOCK_DONE_BIT))
		t->bytes_received--;
}

static __always_inline struct baseline *report_baseline(__u64 cookie)
{
	struct baseline *b = bpf_map_lookup_elem(&baselines, &cookie);

	if (b)
		return b;
	if (bpf_map_update_elem(&baselines, &cookie, &no_baseline, BPF_ANY)) {
		COUNT(baseline_full);
		return NULL;
	}
	return bpf_map_lookup_elem(&baselines, &cookie);
}

/* Returns 1 when a record was reserved. The claim word is described in maps/connections.h. */
static __always_inline int report_interim(struct sock *sk, struct tcp_sock *tp, struct connection *c, __u8 state)
{
	__u64 claim = *(volatile __u64 *)&c->claim, cookie = c->cookie, next;
	const struct tally *base;
	struct flow_record *r;
	struct baseline *b;
	struct tally t;

	if (claim & CLAIM_CLOSED)
		return 0;
	b = report_baseline(cookie);
	if (!b)
		return 0;
	base = &b->slot[claim & CLAIM_SLOT];
	report_tally(sk, tp, &t);
	if (base->records && base->segments_sent == t.segments_sent && base->segments_received == t.segments_received)
		return 0;
	r = bpf_ringbuf_reserve(&ring, sizeof(*r), 0);
	if (!r) {
		COUNT(interim_deferred);
		goto forget;
	}
	tally_raise(&t, base);
	t.records = base->records + 1;
	record_describe(r, sk, tp, c, state);
	record_counts(r, &t, base);
	r->kind = FLOW_KIND_INTERIM;
	next = (claim ^ CLAIM_SLOT) | CLAIM_HAS_BASELINE;
	b->slot[next & CLAIM_SLOT] = t;
	if (__sync_val_compare_and_swap(&c->claim, claim, next) != claim) {
		bpf_ringbuf_discard(r, BPF_RB_NO_WAKEUP);
		goto forget;
	}
	bpf_ringbuf_submit(r, BPF_RB_NO_WAKEUP);
	COUNT(reserved);
	return 1;
forget:
	if (!(claim & CLAIM_HAS_BASELINE))
		bpf_map_delete_elem(&baselines, &cookie);
	return 0;
}

/* One file of one task. Returns 1 when a record was reserved. */
static __always_inline int report_socket(struct sock *sk, struct tcp_sock *tp, struct task_struct *task, __u64 walk)
{
	__u8 state = sk->__sk_common.skc_state;
	struct connection *c = connection_find(sk);

	if (!is_live(state))
		return 0;
	if (!c) {
		report_seed(sk, task);
		return 0;
	}
	if (c->walk == walk)
		return 0;
	c->walk = walk;
	if (!c->pid)
		report_owner(task, &c->pid, c->comm);
	return report_interim(sk, tp, c, state);
}

#endif
