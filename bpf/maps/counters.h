/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEIR_MAPS_COUNTERS_H
#define WEIR_MAPS_COUNTERS_H

#include "../counter_fields.h"

/*
 * counters: CPU slot -> struct counters.
 * Inserts: nobody (an array). Deletes: nobody; counts only grow, for the life of the ring.
 * Full: cannot be; the addon sets the number of slots from the possible CPUs and maps the array to read it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counters);
} counters SEC(".maps");

#endif
