/* SPDX-License-Identifier: Apache-2.0 */
/* The serving side: a thread or a process for each connection. */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <linux/filter.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct served {
	int fd;
	const struct listen_plan *plan;
};

static void serve(const struct served *s)
{
	struct sockaddr_storage local, remote;
	socklen_t bytes = sizeof(local);
	char local_text[64] = "", remote_text[64] = "";
	int local_port = 0, remote_port = 0, got;
	uint64_t sent = 0, received = 0;
	int64_t opened_us = now_us();
	struct header h;
	const char *outcome = "closed";

	getsockname(s->fd, (struct sockaddr *)&local, &bytes);
	name_of(&local, local_text, sizeof(local_text), &local_port);
	bytes = sizeof(remote);
	getpeername(s->fd, (struct sockaddr *)&remote, &bytes);
	name_of(&remote, remote_text, sizeof(remote_text), &remote_port);
	got = receive_all(s->fd, &h, sizeof(h), &received);
	for (unsigned i = 0; got == 1 && i < h.rounds; i++) {
		got = receive_all(s->fd, NULL, h.request_bytes, &received);
		if (got == 1 && send_all(s->fd, h.reply_bytes, &sent) < 0)
			got = -EPIPE;
	}
	if (got == 1 && h.server_resets) {
		wait_acknowledged(s->fd);
		reset_on_close(s->fd);
		outcome = "reset_by_local";
	} else if (got == 1) {
		got = receive_all(s->fd, NULL, UINT64_MAX, &received); /* until the client ends */
		outcome = got < 0 ? "reset_by_remote" : "closed";
	} else {
		outcome = got < 0 ? "reset_by_remote" : "closed";
	}
	close(s->fd);
	write_truth("server", local_text, local_port, remote_text, remote_port, opened_us, sent, received, outcome, 0);
}

static void *serve_thread(void *argument)
{
	struct served *s = argument;

	serve(s);
	free(s);
	atomic_fetch_sub(&open_ends, 1);
	return NULL;
}

/* The parent's other sockets would stay open as long as the child lives. */
static void keep_only(int fd)
{
	for (int other = 3; other < 1024; other++) {
		if (other != fd && other != truth_fd)
			close(other);
	}
}

static void accept_one(int listener, const struct listen_plan *plan)
{
	int fd = accept(listener, NULL, NULL);
	struct served *s;

	if (fd < 0)
		return;
	if (plan->forks) {
		pid_t pid = fork();

		if (pid == 0) {
			struct served child = { .fd = fd, .plan = plan };

			keep_only(fd);
			serve(&child);
			_exit(0);
		}
		close(fd);
		return;
	}
	s = malloc(sizeof(*s));
	s->fd = fd;
	s->plan = plan;
	atomic_fetch_add(&open_ends, 1);
	start_thread(serve_thread, s);
}

static int open_listener(const struct listen_plan *plan)
{
	int one = 1;

	for (int tries = 0; tries < 500 && !stopping; tries++) {
		int fd = socket(plan->at.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);

		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (bind(fd, &plan->at.sock.any, plan->at.bytes) == 0 && listen(fd, 512) == 0)
			return fd;
		close(fd);
		usleep(20000); /* an address that is being handed over is not there yet */
	}
	return -1;
}

/*
 * A connection that the kernel opens and nobody accepts would be an end without truth. So before a listener closes it
 * takes no more packets; who calls meanwhile tries again in a second, and is refused.
 */
static void take_no_more(int listener)
{
	struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = { .len = 1, .filter = &drop };

	if (setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
		fail("SO_ATTACH_FILTER", strerror(errno));
	usleep(20000);
}

void *listen_thread(void *argument)
{
	const struct listen_plan *plan = argument;
	int fd;

	sleep_until_ms(plan->from_ms);
	fd = open_listener(plan);
	if (fd < 0) {
		if (!stopping)
			fail("listen", plan->at.text);
		return NULL;
	}
	while (!stopping && now_us() < start_us + plan->until_ms * 1000) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, 20) > 0)
			accept_one(fd, plan);
		while (plan->forks && waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	take_no_more(fd);
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, 0) <= 0)
			break;
		accept_one(fd, plan);
	}
	close(fd);
	return NULL;
}
