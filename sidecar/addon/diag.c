/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include "diag.h"

/* The kernel writes at most 32 KiB at once. A listener takes some 130 bytes: room for 60,000. */
enum { CHUNK_BYTES = 64 * 1024, ANSWER_BYTES_MAX = 8 * 1024 * 1024, TCP_LISTEN_STATE = 10, WAIT_SECONDS = 2 };
enum { STACK_BYTES = 256 * 1024 };

struct answer {
	uint8_t *bytes;
	size_t length;
	size_t room;
};

struct question {
	const char *namespace_file;
	uint64_t inode;
	struct answer answer;
	int error;
};

static int answer_reserve(struct answer *answer)
{
	size_t room = answer->length + CHUNK_BYTES;
	uint8_t *bytes;

	if (room > ANSWER_BYTES_MAX)
		return -EMSGSIZE;
	if (room <= answer->room)
		return 0;
	room = room < 2 * answer->room ? 2 * answer->room : room;
	bytes = realloc(answer->bytes, room);
	if (!bytes)
		return -ENOMEM;
	answer->bytes = bytes;
	answer->room = room;
	return 0;
}

/* A dump that failed ends like a whole one, but for the number that comes with its end. */
static int done(const uint8_t *body, size_t length)
{
	int32_t error = 0;

	if (length >= sizeof(error))
		memcpy(&error, body, sizeof(error));
	if (error >= 0)
		return 1;
	return error >= -4095 ? error : -EBADMSG;
}

/* Looks for the dump's end in what came. 0: go on, 1: that was all, -errno: refused, or not understood. */
static int chunk_end(const uint8_t *bytes, size_t length)
{
	while (length >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr header;
		struct nlmsgerr error;
		size_t step;

		memcpy(&header, bytes, sizeof(header));
		if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > length)
			return -EBADMSG;
		if (header.nlmsg_type == NLMSG_DONE)
			return done(bytes + sizeof(header), header.nlmsg_len - sizeof(header));
		if (header.nlmsg_type == NLMSG_ERROR) {
			if (header.nlmsg_len < sizeof(header) + sizeof(error))
				return -EBADMSG;
			memcpy(&error, bytes + sizeof(header), sizeof(error));
			return error.error < 0 ? error.error : -EBADMSG;
		}
		step = NLMSG_ALIGN(header.nlmsg_len);
		if (step >= length)
			break;
		bytes += step;
		length -= step;
	}
	return 0;
}

static int ask(int fd, uint8_t family, struct answer *answer)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 request;
	} message;
	int end = 0;

	memset(&message, 0, sizeof(message));
	message.header.nlmsg_len = sizeof(message);
	message.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
	message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	message.request.sdiag_family = family;
	message.request.sdiag_protocol = IPPROTO_TCP;
	message.request.idiag_states = 1 << TCP_LISTEN_STATE;
	if (send(fd, &message, sizeof(message), 0) != (ssize_t)sizeof(message))
		return -errno;
	while (!end) {
		ssize_t got;
		int err = answer_reserve(answer);

		if (err)
			return err;
		got = recv(fd, answer->bytes + answer->length, CHUNK_BYTES, MSG_TRUNC);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EBADMSG;
		if (got > CHUNK_BYTES)
			return -EMSGSIZE;
		end = chunk_end(answer->bytes + answer->length, (size_t)got);
		answer->length += (size_t)got;
	}
	return end < 0 ? end : 0;
}

static int ask_here(struct answer *answer)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG), err;
	struct timeval wait = { .tv_sec = WAIT_SECONDS };

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	err = ask(fd, AF_INET, answer);
	if (!err)
		err = ask(fd, AF_INET6, answer);
	close(fd);
	/* A kernel without tcp_diag says "no such entry": not to be taken for a namespace file that is gone. */
	return err == -ENOENT ? -EPROTONOSUPPORT : err;
}

/* A process may have ended and its number been given to another one since: the inode tells. */
static int enter(const char *namespace_file, uint64_t inode)
{
	int fd = open(namespace_file, O_RDONLY | O_CLOEXEC), err = 0;
	struct stat status;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status))
		err = -errno;
	else if (status.st_ino != inode)
		err = -ESTALE;
	else if (setns(fd, CLONE_NEWNET))
		err = -errno;
	close(fd);
	return err;
}

static void *ask_there(void *data)
{
	struct question *question = data;

	question->error = enter(question->namespace_file, question->inode);
	if (!question->error)
		question->error = ask_here(&question->answer);
	return NULL;
}

/* The namespace is a thread's: this one ends with its answer, and no other is ever anywhere else. */
static int ask_on_thread(struct question *question)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int err = pthread_attr_init(&attributes);

	if (err)
		return -err;
	err = pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (!err)
		err = pthread_create(&thread, &attributes, ask_there, question);
	pthread_attr_destroy(&attributes);
	if (err)
		return -err;
	pthread_join(thread, NULL);
	return question->error;
}

int diag_listeners(const char *namespace_file, uint64_t inode, uint8_t **bytes, size_t *length)
{
	struct question question = { .namespace_file = namespace_file, .inode = inode };
	int err = namespace_file[0] ? ask_on_thread(&question) : ask_here(&question.answer);

	if (err) {
		free(question.answer.bytes);
		return err;
	}
	*bytes = question.answer.bytes;
	*length = question.answer.length;
	return 0;
}
