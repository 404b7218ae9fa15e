/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Shared with the addon, which sums the slots. One cache line a slot. */
#ifndef WEIR_COUNTER_FIELDS_H
#define WEIR_COUNTER_FIELDS_H

struct counters {
	__u64 reserved;          /* flow records that found room in the ring */
	__u64 ring_full;         /* flow records that did not: lost, told as such */
	__u64 listen_dropped;    /* listen records that found no room */
	__u64 state_full;        /* connections that opened while the state map was full */
	__u64 seeded;            /* connections older than the capture that a walk took up */
	__u64 interim_deferred;  /* interim records without room: not lost, the next record contains them */
	__u64 baseline_full;     /* interim records given up because the baseline map was full: contained in the next one */
	__u64 reserved0;
};
_Static_assert(sizeof(struct counters) == 64, "counters fill one cache line");

#endif
