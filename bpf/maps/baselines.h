/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEIR_MAPS_BASELINES_H
#define WEIR_MAPS_BASELINES_H

/* Counters of a connection since it was opened. A record holds the difference to the tally of the record before. */
struct tally {
	__u64 end_ns;
	__u64 bytes_sent;
	__u64 bytes_received;
	__u64 bytes_retransmitted;
	__u32 segments_sent;
	__u32 segments_received;
	__u32 data_segments_sent;
	__u32 data_segments_received;
	__u32 retransmitted_segments;
	__u32 lost_segments;
	__u32 reordering_events;
	__u32 out_of_order_segments;
	__u32 rto_timeouts;
	__u32 busy_jiffies;
	__u32 rwnd_limited_jiffies;
	__u32 sndbuf_limited_jiffies;
	__u32 records; /* that were reserved up to here */
	__u32 reserved0;
};
_Static_assert(sizeof(struct tally) == 88, "tally has no holes");

struct baseline {
	struct tally slot[2];
};

/*
 * baselines: socket cookie -> struct baseline, only for connections that had an interim record.
 * Inserts: track/report.h alone, and walks never overlap: so an entry that is deleted while a walk writes to it cannot
 * have been given to another connection yet. Deletes: track/close.h; track/report.h when the close came first.
 * Full: no interim record for that connection (baseline_full); its counts are in the final one.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 262144);
	__type(key, __u64);
	__type(value, struct baseline);
} baselines SEC(".maps");

static const struct baseline no_baseline;

#endif
