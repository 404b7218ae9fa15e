/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What was made and what was not, per CPU. Law: flow records made = reserved + ring_full.
 * Additions are atomic because softirqs interleave with process context on one CPU, and CPUs may share a slot.
 */
#ifndef WEIR_COUNTERS_H
#define WEIR_COUNTERS_H

#include "maps/counters.h"

#define COUNT(field) \
	do { \
		__u32 cpu_slot = bpf_get_smp_processor_id() & config_counter_mask; \
		struct counters *of_cpu = bpf_map_lookup_elem(&counters, &cpu_slot); \
		if (of_cpu) \
			__sync_fetch_and_add(&of_cpu->field, 1); \
	} while (0)

#endif
