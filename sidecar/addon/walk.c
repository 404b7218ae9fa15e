/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk's program writes flow records into the ring and one byte to us for each, so a read of n bytes ends after n
 * records, and the reader decides when to go on. Without any record to write a read walks to the end.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <sys/syscall.h>
#include "capture.h"

enum { WALK_READ_BYTES = 4096 };

static int walk_begin(struct capture *capture)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.iter_create.link_fd = (__u32)capture->object[OBJECT_WALK].link_fd;
	fd = (int)syscall(__NR_bpf, BPF_ITER_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		return -errno;
	capture->walk_fd = fd;
	return 0;
}

static void walk_end(struct capture *capture)
{
	close(capture->walk_fd);
	capture->walk_fd = 0;
}

int walk_step(struct capture *capture, size_t records, size_t *written, bool *done)
{
	char bytes[WALK_READ_BYTES];
	int err = capture->walk_fd ? 0 : walk_begin(capture);

	*written = 0;
	*done = false;
	while (!err && *written < records) {
		size_t want = records - *written < sizeof(bytes) ? records - *written : sizeof(bytes);
		ssize_t got = read(capture->walk_fd, bytes, want);

		if (got > 0) {
			*written += (size_t)got;
		} else if (got == 0) {
			*done = true;
			walk_end(capture);
			break;
		} else if (errno != EAGAIN && errno != EINTR) { /* EAGAIN: a million files without a record; go on */
			err = -errno;
			walk_end(capture);
		}
	}
	return err;
}
