/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One workload of the demo's fleet: a process that serves and calls, and writes down what it did.
 *
 *   traffic NAME TRUTH_FILE < PLAN
 *
 * The plan is read from standard input, a command a line; times are ms since the line "start" was read:
 *   ports FIRST COUNT                                      source ports of its calls; programs of one namespace share none
 *   listen FAMILY ADDR PORT FROM_MS UNTIL_MS thread|fork   serve; UNTIL_MS closes the listener (calls are then refused)
 *   call AT_MS COUNT EVERY_MS FAMILY SRC DST PORT REQUEST_BYTES REPLY_BYTES HOLD_MS END TIMES
 *        END: fin | rst | server-rst | abandon | half       TIMES: request/reply rounds, HOLD_MS apart
 *   planned                                                the plan is whole: answer "ready"
 *   start                                                  begin
 *
 * Each finished end is one line of JSON in TRUTH_FILE, written with one write(2) to an O_APPEND file. It is the truth
 * that the pipeline is held against; the pipeline never reads it. It prints "called" when the last call of the plan is
 * over. SIGTERM: stop calling, finish, exit.
 * A client binds its source port itself, so that a refused connection has a known one too.
 */
#ifndef WEIR_TRAFFIC_H
#define WEIR_TRAFFIC_H

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>

struct header {
	uint64_t request_bytes; /* of one round */
	uint64_t reply_bytes;
	uint32_t rounds;
	uint32_t server_resets;
};

struct address {
	int family;
	char text[64];
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} sock;
	socklen_t bytes;
};

struct listen_plan {
	struct address at;
	int port;
	long from_ms, until_ms;
	int forks;
};

struct call_plan {
	long at_ms, count, every_ms, hold_ms;
	struct address from, to;
	int port;
	uint64_t request_bytes, reply_bytes;
	char end[16];
	unsigned rounds;
};

extern const char *workload_name;
extern int truth_fd;
extern int64_t start_us;
extern atomic_int stopping;
extern atomic_int open_ends; /* threads that still have something to write down */
extern atomic_int open_calls; /* those of them that call */
extern int source_port_first, source_port_count;

int64_t now_us(void);
void sleep_until_ms(long at_ms);
void fail(const char *what, const char *detail);
void parse_address(struct address *a, const char *family, const char *text, int port);
void set_port(struct address *a, int port);
void name_of(const struct sockaddr_storage *s, char *text, size_t bytes, int *port);
void write_truth(const char *role, const char *local, int local_port, const char *remote, int remote_port,
		 int64_t opened_us, uint64_t sent, uint64_t received, const char *outcome, int error);
int send_all(int fd, uint64_t bytes, uint64_t *sent);
int receive_all(int fd, void *into, uint64_t bytes, uint64_t *received);
void reset_on_close(int fd);
void wait_acknowledged(int fd);
void start_thread(void *(*run)(void *), void *argument);
void *listen_thread(void *argument);
void *caller_thread(void *argument);

#endif
