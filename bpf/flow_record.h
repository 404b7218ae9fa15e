/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The ring's record: one per connection that ended, failed, or was reported in between.
 * Fixed width, little endian, every byte named. schemas/generated/record-offsets.ts is generated from this file,
 * so keep to one field a line: TYPE name; or TYPE name[N];
 *
 * Counters are DELTAS: what came since the connection's last record that was reserved in the ring.
 * Times are CLOCK_BOOTTIME nanoseconds. Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d. Ports are in host order.
 */
#ifndef WEIR_FLOW_RECORD_H
#define WEIR_FLOW_RECORD_H

#define FLOW_RECORD_VERSION 1
#define FLOW_RECORD_BYTES 256

/* kind */
#define FLOW_KIND_FINAL 1   /* reached CLOSE after it had been established */
#define FLOW_KIND_INTERIM 2 /* still open */
#define FLOW_KIND_FAILED 3  /* never established */

/* role: how the local end came to the connection */
#define FLOW_ROLE_UNKNOWN 0
#define FLOW_ROLE_CLIENT 1 /* connect() */
#define FLOW_ROLE_SERVER 2 /* accept() */

/* flags */
#define FLOW_FLAG_SEEDED 1      /* older than the capture; opened_ns is 0 */
#define FLOW_FLAG_FIN_RECEIVED 2
#define FLOW_FLAG_V4MAPPED 4    /* an AF_INET6 socket with v4-mapped addresses */
#define FLOW_FLAG_NO_STATE 8    /* the state map was full: no role, owner or opening time */
#define FLOW_FLAG_OWNER_AT_CLOSE 16 /* pid and comm were taken when it was closed */
#define FLOW_FLAG_HAD_INTERIM 32 /* an earlier record of this connection exists */

struct flow_record {
	__u64 end_ns;          /* when this record was made */
	__u64 start_ns;        /* from when it counts: opening, or the previous record; 0 when unknown */
	__u64 opened_ns;       /* SYN sent, or handshake done on the server's side; 0 when unknown */
	__u64 cookie;          /* the kernel's socket cookie */
	__u64 cgroup_id;       /* kernfs id (= inode) of the socket's cgroup */
	__u32 netns;           /* inode of the network namespace */
	__u32 pid;             /* tgid of the owner, 0 when unknown */
	__u32 uid;
	__u32 interim_count;   /* records of this connection before this one */
	__u8 comm[16];         /* process name, NUL padded */
	__u8 local_addr[16];
	__u8 remote_addr[16];
	__u16 local_port;
	__u16 remote_port;
	__u8 family;           /* 4 or 6, as the addresses are */
	__u8 kind;
	__u8 role;
	__u8 old_state;        /* TCP state before CLOSE, or the present one (interim) */
	__u16 error;           /* sk_err: errno or 0 */
	__u16 flags;
	__u8 sk_shutdown;      /* 1 receive, 2 send */
	__u8 reserved0[3];
	__u64 bytes_sent;      /* payload, retransmissions not counted */
	__u64 bytes_received;  /* payload, FIN not counted */
	__u64 bytes_retransmitted;
	__u64 unsent_bytes;    /* gauge: written and not acknowledged */
	__u32 segments_sent;
	__u32 segments_received;
	__u32 data_segments_sent;
	__u32 data_segments_received;
	__u32 retransmitted_segments;
	__u32 lost_segments;
	__u32 reordering_events;
	__u32 out_of_order_segments;
	__u32 rto_timeouts;
	__u32 rtt_us;          /* gauge, smoothed; 0 without a sample */
	__u32 rtt_var_us;      /* gauge */
	__u32 rtt_min_us;      /* gauge; 0xffffffff without a sample */
	__u32 connect_us;      /* SYN to established; SYN-ACK round trip on the server's side; 0 when unknown */
	__u32 busy_jiffies;
	__u32 rwnd_limited_jiffies;
	__u32 sndbuf_limited_jiffies;
	__u32 snd_cwnd_segments; /* gauge */
	__u32 mss_bytes;         /* gauge */
	__u64 reserved1[4];
};
_Static_assert(sizeof(struct flow_record) == FLOW_RECORD_BYTES, "flow_record is 256 bytes");

/* The listen record: a socket began to listen. Same ring, other size: readers tell kinds apart by length. */
#define LISTEN_RECORD_BYTES 64
struct listen_record {
	__u64 at_ns;
	__u64 cookie;
	__u64 cgroup_id;
	__u32 netns;
	__u32 pid;
	__u8 comm[16];
	__u16 port;
	__u8 family;
	__u8 reserved0[5];
	__u64 reserved1;
};
_Static_assert(sizeof(struct listen_record) == LISTEN_RECORD_BYTES, "listen_record is 64 bytes");

#endif
