/* SPDX-License-Identifier: Apache-2.0 */
/* The calling side: a thread for each call. */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct call {
	const struct call_plan *plan;
	int source_port;
};

static atomic_int next_port;

static const char *connect_failure(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return "refused";
	case ETIMEDOUT:
		return "timed_out";
	case EHOSTUNREACH:
	case ENETUNREACH:
		return "unreachable";
	default:
		return "other";
	}
}

/* The calls that never get an answer: give up without waiting. */
static void abandon(int fd, const struct call *c, int64_t opened_us)
{
	usleep((useconds_t)(c->plan->hold_ms > 0 ? c->plan->hold_ms * 1000 : 50000));
	close(fd);
	write_truth("client", c->plan->from.text, c->source_port, c->plan->to.text, c->plan->port, opened_us, 0, 0,
		    "abandoned", 0);
}

static int talk(int fd, const struct call_plan *plan, uint64_t *sent, uint64_t *received)
{
	struct header h = { .request_bytes = plan->request_bytes, .reply_bytes = plan->reply_bytes,
			    .rounds = plan->rounds, .server_resets = strcmp(plan->end, "server-rst") == 0 };
	ssize_t n = send(fd, &h, sizeof(h), MSG_NOSIGNAL);
	int got = 1;

	if (n > 0)
		*sent += (uint64_t)n;
	for (unsigned i = 0; got == 1 && i < plan->rounds; i++) {
		if (i > 0 && plan->hold_ms > 0)
			usleep((useconds_t)plan->hold_ms * 1000);
		if (send_all(fd, plan->request_bytes, sent) < 0)
			return -EPIPE;
		got = receive_all(fd, NULL, plan->reply_bytes, received);
	}
	if (got == 1 && plan->rounds == 1 && plan->hold_ms > 0)
		usleep((useconds_t)plan->hold_ms * 1000);
	return got;
}

static void finish(int fd, const struct call *c, int got, int64_t opened_us, uint64_t sent, uint64_t received)
{
	const struct call_plan *plan = c->plan;
	const char *outcome = "closed";

	if (got < 0) {
		outcome = "reset_by_remote";
	} else if (strcmp(plan->end, "rst") == 0) {
		wait_acknowledged(fd);
		reset_on_close(fd);
		outcome = "reset_by_local";
	} else if (strcmp(plan->end, "server-rst") == 0) {
		outcome = receive_all(fd, NULL, UINT64_MAX, &received) < 0 ? "reset_by_remote" : "closed";
	} else if (strcmp(plan->end, "half") == 0) {
		shutdown(fd, SHUT_WR);
		receive_all(fd, NULL, UINT64_MAX, &received);
	}
	close(fd);
	write_truth("client", plan->from.text, c->source_port, plan->to.text, plan->port, opened_us, sent, received,
		    outcome, 0);
}

static void *call_thread(void *argument)
{
	struct call *c = argument;
	const struct call_plan *plan = c->plan;
	struct address from = plan->from;
	int abandons = strcmp(plan->end, "abandon") == 0, one = 1, got;
	int fd = socket(from.family, SOCK_STREAM | SOCK_CLOEXEC | (abandons ? SOCK_NONBLOCK : 0), IPPROTO_TCP);
	int64_t opened_us = now_us();
	uint64_t sent = 0, received = 0;

	set_port(&from, c->source_port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &from.sock.any, from.bytes) != 0) {
		/* No connection was made, so there is no truth to write. */
		close(fd);
	} else if (connect(fd, &plan->to.sock.any, plan->to.bytes) != 0) {
		if (abandons && errno == EINPROGRESS) {
			abandon(fd, c, opened_us);
		} else {
			int error = errno;

			close(fd);
			write_truth("client", from.text, c->source_port, plan->to.text, plan->port, opened_us, 0, 0,
				    connect_failure(error), error);
		}
	} else {
		got = talk(fd, plan, &sent, &received);
		finish(fd, c, got, opened_us, sent, received);
	}
	free(c);
	atomic_fetch_sub(&open_calls, 1);
	atomic_fetch_sub(&open_ends, 1);
	return NULL;
}

void *caller_thread(void *argument)
{
	const struct call_plan *plan = argument;

	for (long i = 0; i < plan->count && !stopping; i++) {
		struct call *c;

		sleep_until_ms(plan->at_ms + i * plan->every_ms);
		if (stopping)
			break;
		c = malloc(sizeof(*c));
		c->plan = plan;
		c->source_port = source_port_first + atomic_fetch_add(&next_port, 1) % source_port_count;
		atomic_fetch_add(&open_ends, 1);
		atomic_fetch_add(&open_calls, 1);
		start_thread(call_thread, c);
	}
	atomic_fetch_sub(&open_calls, 1);
	atomic_fetch_sub(&open_ends, 1);
	return NULL;
}
