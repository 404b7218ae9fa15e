/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes over a socket, counted. */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

#define CHUNK_BYTES 65536

int send_all(int fd, uint64_t bytes, uint64_t *sent)
{
	static const char zeros[CHUNK_BYTES];

	while (bytes > 0) {
		ssize_t n = send(fd, zeros, bytes < CHUNK_BYTES ? bytes : CHUNK_BYTES, MSG_NOSIGNAL);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		bytes -= (uint64_t)n;
		*sent += (uint64_t)n;
	}
	return 0;
}

/* 1: all there; 0: the peer ended; negative: errno. */
int receive_all(int fd, void *into, uint64_t bytes, uint64_t *received)
{
	char scrap[CHUNK_BYTES];
	char *at = into;

	while (bytes > 0) {
		size_t want = bytes < CHUNK_BYTES ? bytes : CHUNK_BYTES;
		ssize_t n = recv(fd, at ? at : scrap, want, 0);

		if (n == 0)
			return 0;
		if (n < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (at)
			at += n;
		bytes -= (uint64_t)n;
		*received += (uint64_t)n;
	}
	return 1;
}

void reset_on_close(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

/* Wait for everything to be acknowledged, so that a reset afterwards loses nothing and the truth is exact. */
void wait_acknowledged(int fd)
{
	for (int i = 0; i < 2000; i++) {
		struct tcp_info info;
		socklen_t bytes = sizeof(info);

		if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0 || info.tcpi_unacked == 0)
			return;
		usleep(1000);
	}
}
