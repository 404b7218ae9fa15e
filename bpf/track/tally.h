/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEIR_TRACK_TALLY_H
#define WEIR_TRACK_TALLY_H

enum { CHRONO_BUSY = 1, CHRONO_RWND_LIMITED = 2, CHRONO_SNDBUF_LIMITED = 3 };

/* As the kernel's tcp_info: busy contains the two limited times. */
static __always_inline void tally_chrono(struct tcp_sock *tp, struct tally *t)
{
	__u32 running = (__u32)bpf_jiffies64() - tp->chrono_start;
	__u32 type = BPF_CORE_READ_BITFIELD(tp, chrono_type);

	t->rwnd_limited_jiffies = tp->chrono_stat[CHRONO_RWND_LIMITED - 1];
	t->sndbuf_limited_jiffies = tp->chrono_stat[CHRONO_SNDBUF_LIMITED - 1];
	t->busy_jiffies = tp->chrono_stat[CHRONO_BUSY - 1] + t->rwnd_limited_jiffies + t->sndbuf_limited_jiffies;
	if (type)
		t->busy_jiffies += running;
	if (type == CHRONO_RWND_LIMITED)
		t->rwnd_limited_jiffies += running;
	if (type == CHRONO_SNDBUF_LIMITED)
		t->sndbuf_limited_jiffies += running;
}

/*
 * Payload: bytes_acked counts SYN and FIN and is not used; bytes_received counts the peer's FIN, which SOCK_DONE tells.
 * bytes_sent is read before bytes_retrans, which the kernel raises first: a read in the middle of a retransmission comes
 * out low, and low is made good by the next record; high could not be.
 */
static __always_inline void tally_read(struct sock *sk, struct tcp_sock *tp, __u64 now, struct tally *t)
{
	__u64 sent = tp->bytes_sent;
	__u64 received = tp->bytes_received;

	t->end_ns = now;
	t->bytes_retransmitted = tp->bytes_retrans;
	t->bytes_sent = sent > t->bytes_retransmitted ? sent - t->bytes_retransmitted : 0;
	t->bytes_received = received && (sk->__sk_common.skc_flags & SOCK_DONE_BIT) ? received - 1 : received;
	t->segments_sent = tp->segs_out;
	t->segments_received = tp->segs_in;
	t->data_segments_sent = tp->data_segs_out;
	t->data_segments_received = tp->data_segs_in;
	t->retransmitted_segments = tp->total_retrans;
	t->lost_segments = tp->lost;
	t->reordering_events = tp->reord_seen;
	t->out_of_order_segments = tp->rcv_ooopack;
	t->rto_timeouts = bpf_core_field_exists(tp->total_rto) ? tp->total_rto : 0;
	t->records = 0;
	t->reserved0 = 0;
	tally_chrono(tp, t);
}

/* A tally never goes back: what a torn read showed low stays at the baseline. Segment counts wrap at 2^32. */
#define TALLY_RAISE64(field) \
	do { \
		if (t->field < base->field) \
			t->field = base->field; \
	} while (0)
#define TALLY_RAISE32(field) \
	do { \
		if ((__s32)(t->field - base->field) < 0) \
			t->field = base->field; \
	} while (0)

static __always_inline void tally_raise(struct tally *t, const struct tally *base)
{
	TALLY_RAISE64(bytes_sent);
	TALLY_RAISE64(bytes_received);
	TALLY_RAISE64(bytes_retransmitted);
	TALLY_RAISE32(busy_jiffies);
	TALLY_RAISE32(rwnd_limited_jiffies);
	TALLY_RAISE32(sndbuf_limited_jiffies);
}

#endif
