/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the loader sets before the verifier sees the programs; frozen from then on. */
#ifndef WEIR_CONFIG_H
#define WEIR_CONFIG_H

/* Watch sockets of this cgroup and its descendants: kernfs id (= inode of its directory); 0: of every cgroup. */
const volatile __u64 config_cgroup_id = 0;

/* CPU number & mask = slot in the counters; a power of two less one. */
const volatile __u32 config_counter_mask = 0;

#endif
