/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEIR_TRACK_WATCHED_H
#define WEIR_TRACK_WATCHED_H

#define CGROUP_DEPTH_MAX 48 /* deeper than any container runtime nests; the loop needs a bound */

/*
 * Is the socket's cgroup in the watched subtree? sock_ops asks the kernel by being attached there; tracing programs see
 * every socket and must ask themselves. The socket's own cgroup, not the current task's, which in a softirq is anybody.
 */
static __always_inline bool is_watched(struct sock *sk)
{
	struct cgroup_subsys_state *css;
	struct cgroup *cgroup;

	if (!config_cgroup_id)
		return true;
	css = (struct cgroup_subsys_state *)&sk->sk_cgrp_data.cgroup->self;
	for (int depth = 0; depth < CGROUP_DEPTH_MAX && css; depth++) {
		cgroup = BPF_CORE_READ(css, cgroup);
		if (BPF_CORE_READ(cgroup, kn, id) == config_cgroup_id)
			return true;
		css = BPF_CORE_READ(css, parent);
	}
	return false;
}

#endif
