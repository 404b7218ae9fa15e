/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEIR_TRACK_OWNER_H
#define WEIR_TRACK_OWNER_H

/* The process that runs now. Its name is the group leader's: a thread may have named itself. */
static __always_inline void owner_is_current(__u32 *pid, __u8 *comm)
{
	struct task_struct *task = (void *)bpf_get_current_task_btf();
	struct task_struct *leader = task->group_leader;

	*pid = task->tgid;
	*(__u64 *)comm = *(__u64 *)&leader->comm[0];
	*(__u64 *)(comm + 8) = *(__u64 *)&leader->comm[8];
}

/*
 * Does this transition run in the context of a process that holds the socket? connect() does, a close or shutdown does
 * (to FIN_WAIT1 or LAST_ACK), and so does an abortive close, which goes straight to CLOSE and leaves no error. What a
 * packet or a timer ends has an error or comes from another state.
 */
static __always_inline bool owner_runs(struct sock *sk, __u32 from, __u32 to)
{
	if (to == TCP_FIN_WAIT1 || to == TCP_LAST_ACK)
		return true;
	if (to != TCP_CLOSE || sk->sk_err)
		return false;
	return from == TCP_ESTABLISHED || from == TCP_CLOSE_WAIT || from == TCP_SYN_RECV;
}

static __always_inline void owner_learn(struct connection *c)
{
	if (c->pid)
		return;
	owner_is_current(&c->pid, c->comm);
	c->flags |= FLOW_FLAG_OWNER_AT_CLOSE;
}

#endif
