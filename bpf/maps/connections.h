/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEIR_MAPS_CONNECTIONS_H
#define WEIR_MAPS_CONNECTIONS_H

/*
 * connections.claim, one word that decides who may report:
 *   63 ........ 8 | 7 ....... 3 | 2 CLOSED | 1 HAS_BASELINE | 0 which baseline slot counts
 *   birth, ns low     unused
 * The final record sets CLOSED (fetch_or) and learns in the same instant which baseline it starts from. An interim
 * record writes the other slot and then flips the word (cmpxchg); if CLOSED came first, the flip fails and the interim
 * is discarded. So no byte is reported twice, nobody waits, and one connection ends once. The birth makes the word
 * differ from that of a later connection in the same memory.
 */
#define CLAIM_SLOT 1ULL
#define CLAIM_HAS_BASELINE 2ULL
#define CLAIM_CLOSED 4ULL
#define CLAIM_BIRTH_SHIFT 8

struct connection {
	__u64 claim;
	__u64 cookie;      /* the socket's: tells a recycled pointer */
	__u64 opened_ns;   /* 0 when older than the capture */
	__u64 walk;        /* session of the last walk that looked at it: a socket may be held by several files */
	__u32 pid;         /* 0 when not known yet */
	__u32 connect_us;
	__u8 comm[16];
	__u8 role;
	__u8 flags;        /* FLOW_FLAG_* known so far */
	__u8 established;
	__u8 reserved0[5];
};
_Static_assert(sizeof(struct connection) == 64, "connection is 64 bytes");

/*
 * connections: address of the socket -> struct connection.
 * Inserts: track/open.h at connect() and at the end of a server's handshake; track/report.h for sockets older than
 * the capture (BPF_NOEXIST). Deletes: track/close.h, at the transition to CLOSE, which no socket can avoid. What another
 * program's clobbered callback flag or a skipped tracepoint leaves behind is overwritten when the address is used again,
 * and the cookie keeps it from being taken for another connection.
 * Full: the connection gets no entry (state_full) and its final record has no role, owner or opening time.
 * A plain hash, not an LRU, which would evict the longest-lived first; not SK_STORAGE, which costs twice as much.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, __u64);
	__type(value, struct connection);
} connections SEC(".maps");

static __always_inline struct connection *connection_find(struct sock *sk)
{
	__u64 key = (__u64)sk;
	struct connection *c = bpf_map_lookup_elem(&connections, &key);

	return c && c->cookie == (__u64)sk->__sk_common.skc_cookie.counter ? c : NULL;
}

static __always_inline long connection_put(struct sock *sk, struct connection *c, __u64 flags)
{
	__u64 key = (__u64)sk;

	return bpf_map_update_elem(&connections, &key, c, flags);
}

static __always_inline void connection_drop(struct sock *sk)
{
	__u64 key = (__u64)sk;

	bpf_map_delete_elem(&connections, &key);
}

#endif
