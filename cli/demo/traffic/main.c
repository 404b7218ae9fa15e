/* SPDX-License-Identifier: Apache-2.0 */
/* The plan, and the life of the process. */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PLAN_LINES_MAX 256

const char *workload_name;
int truth_fd;
int64_t start_us;
atomic_int stopping;
atomic_int open_ends;
atomic_int open_calls;
int source_port_first = 20000;
int source_port_count = 10000;

static struct listen_plan listens[PLAN_LINES_MAX];
static struct call_plan calls[PLAN_LINES_MAX];
static int listen_count, call_count;

static void on_term(int signal_number)
{
	(void)signal_number;
	stopping = 1;
}

static void parse_line(char *line)
{
	char family[4], a[64], b[64], mode[16];

	if (strncmp(line, "listen ", 7) == 0 && listen_count < PLAN_LINES_MAX) {
		struct listen_plan *l = &listens[listen_count++];

		if (sscanf(line, "listen %3s %63s %d %ld %ld %15s", family, a, &l->port, &l->from_ms, &l->until_ms, mode) != 6)
			fail("bad plan line", line);
		parse_address(&l->at, family, a, l->port);
		l->forks = strcmp(mode, "fork") == 0;
	} else if (strncmp(line, "call ", 5) == 0 && call_count < PLAN_LINES_MAX) {
		struct call_plan *c = &calls[call_count++];
		unsigned long long request, reply;

		if (sscanf(line, "call %ld %ld %ld %3s %63s %63s %d %llu %llu %ld %15s %u", &c->at_ms, &c->count, &c->every_ms,
			   family, a, b, &c->port, &request, &reply, &c->hold_ms, c->end, &c->rounds) != 12)
			fail("bad plan line", line);
		c->request_bytes = request;
		c->reply_bytes = reply;
		parse_address(&c->from, family, a, 0);
		parse_address(&c->to, family, b, c->port);
	} else if (sscanf(line, "ports %d %d", &source_port_first, &source_port_count) != 2) {
		fail("bad plan line", line);
	}
}

/* The director of the demo waits for these lines. */
static void say(const char *word)
{
	printf("%s\n", word);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char line[512];
	int called = 0;
	struct sigaction on_end = { .sa_handler = on_term };

	if (argc != 3) {
		fprintf(stderr, "usage: traffic NAME TRUTH_FILE < PLAN\n");
		return 2;
	}
	workload_name = argv[1];
	prctl(PR_SET_NAME, workload_name);
	truth_fd = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (truth_fd < 0)
		fail(argv[2], strerror(errno));
	sigaction(SIGTERM, &on_end, NULL);
	signal(SIGPIPE, SIG_IGN);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (strcmp(line, "start") == 0)
			break;
		if (strcmp(line, "planned") == 0)
			say("ready");
		else if (line[0])
			parse_line(line);
	}
	start_us = now_us();
	for (int i = 0; i < listen_count; i++)
		start_thread(listen_thread, &listens[i]);
	for (int i = 0; i < call_count; i++) {
		atomic_fetch_add(&open_ends, 1);
		atomic_fetch_add(&open_calls, 1);
		start_thread(caller_thread, &calls[i]);
	}
	while (!stopping) {
		usleep(20000);
		if (!called && open_calls == 0) {
			called = 1;
			say("called");
		}
	}
	/* At most 10 s for the ends that are still open. */
	for (int i = 0; i < 500 && open_ends > 0; i++)
		usleep(20000);
	while (waitpid(-1, NULL, 0) > 0)
		;
	return open_ends > 0 ? 1 : 0;
}
