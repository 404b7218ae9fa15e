/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Optional: one pass over the files of every process, which finds sockets older than the capture and their owners, and
 * writes interim records into the ring. One byte goes to the reader for each record, so that it can pause between them.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_core_read.h>
#include "flow_record.h"
#include "config.h"
#include "counters.h"
#include "maps/ring.h"
#include "maps/connections.h"
#include "maps/baselines.h"
#include "track/tally.h"
#include "track/record.h"
#include "track/watched.h"
#include "track/report.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("iter/task_file")
int flow_walk(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct tcp_sock *tp;
	struct socket *socket;
	struct sock *sk;
	__u8 one = 1;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk)
		return 0;
	tp = bpf_skc_to_tcp_sock(sk);
	if (!tp)
		return 0;
	if (report_socket((struct sock *)tp, tp, task, ctx->meta->session_id))
		bpf_seq_write(ctx->meta->seq, &one, sizeof(one));
	return 0;
}
