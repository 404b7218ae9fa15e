/* SPDX-License-Identifier: Apache-2.0 */
/* What both roles share: the clock, addresses, threads, the truth. */
#define _GNU_SOURCE
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void sleep_until_ms(long at_ms)
{
	while (!stopping) {
		int64_t left_us = start_us + at_ms * 1000 - now_us();

		if (left_us <= 0)
			return;
		usleep((useconds_t)(left_us < 50000 ? left_us : 50000));
	}
}

void fail(const char *what, const char *detail)
{
	fprintf(stderr, "traffic %s: %s: %s\n", workload_name, what, detail);
	exit(2);
}

void parse_address(struct address *a, const char *family, const char *text, int port)
{
	memset(a, 0, sizeof(*a));
	snprintf(a->text, sizeof(a->text), "%s", text);
	if (strcmp(family, "4") == 0) {
		a->family = AF_INET;
		a->sock.v4.sin_family = AF_INET;
		a->sock.v4.sin_port = htons((uint16_t)port);
		a->bytes = sizeof(a->sock.v4);
		if (inet_pton(AF_INET, text, &a->sock.v4.sin_addr) != 1)
			fail("not an IPv4 address", text);
	} else {
		a->family = AF_INET6;
		a->sock.v6.sin6_family = AF_INET6;
		a->sock.v6.sin6_port = htons((uint16_t)port);
		a->bytes = sizeof(a->sock.v6);
		if (inet_pton(AF_INET6, text, &a->sock.v6.sin6_addr) != 1)
			fail("not an IPv6 address", text);
	}
}

void set_port(struct address *a, int port)
{
	if (a->family == AF_INET)
		a->sock.v4.sin_port = htons((uint16_t)port);
	else
		a->sock.v6.sin6_port = htons((uint16_t)port);
}

void name_of(const struct sockaddr_storage *s, char *text, size_t bytes, int *port)
{
	if (s->ss_family == AF_INET) {
		const struct sockaddr_in *v4 = (const void *)s;

		inet_ntop(AF_INET, &v4->sin_addr, text, (socklen_t)bytes);
		*port = ntohs(v4->sin_port);
	} else {
		const struct sockaddr_in6 *v6 = (const void *)s;

		inet_ntop(AF_INET6, &v6->sin6_addr, text, (socklen_t)bytes);
		*port = ntohs(v6->sin6_port);
	}
}

void write_truth(const char *role, const char *local, int local_port, const char *remote, int remote_port,
			int64_t opened_us, uint64_t sent, uint64_t received, const char *outcome, int error)
{
	char line[512];
	int n = snprintf(line, sizeof(line),
			 "{\"workload\":\"%s\",\"role\":\"%s\",\"local\":\"%s\",\"localPort\":%d,\"remote\":\"%s\",\"remotePort\":%d,"
			 "\"openedUs\":%lld,\"closedUs\":%lld,\"sent\":%llu,\"received\":%llu,\"outcome\":\"%s\",\"error\":%d,\"pid\":%d}\n",
			 workload_name, role, local, local_port, remote, remote_port, (long long)opened_us,
			 (long long)now_us(), (unsigned long long)sent, (unsigned long long)received, outcome, error,
			 (int)getpid());

	if (write(truth_fd, line, (size_t)n) != n)
		fail("write of the truth", strerror(errno));
}

void start_thread(void *(*run)(void *), void *argument)
{
	pthread_t thread;
	pthread_attr_t attributes;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 256 * 1024);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attributes, run, argument) != 0)
		fail("pthread_create", strerror(errno));
	pthread_attr_destroy(&attributes);
}
