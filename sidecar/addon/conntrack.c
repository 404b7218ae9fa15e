/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets of NETLINK_NETFILTER: events, dumps, and the question whether anything translates here at all. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include "conntrack.h"

/* Bound: a socket without a port of its own has the kernel's, 0, and then counts as the sender, who hears nothing. */
static int open_socket(void)
{
	struct sockaddr_nl any = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER), err;

	if (fd < 0)
		return -errno;
	if (!bind(fd, (struct sockaddr *)&any, sizeof(any)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/*
 * Only what is translated reaches the socket's queue: the kernel builds an event for every connection once somebody
 * listens, and this keeps the others from waking anything or taking room. An event without a status passes.
 */
static int attach_filter(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_IMM, sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg)),
		BPF_STMT(BPF_LDX | BPF_IMM, CTA_STATUS),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_NLATTR)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0),
		BPF_STMT(BPF_MISC | BPF_TAX, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_IND, sizeof(struct nlattr)),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, IPS_SRC_NAT | IPS_DST_NAT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ? -errno : 0;
}

static int join_group(int fd, int group)
{
	return setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) ? -errno : 0;
}

int conntrack_open(struct conntrack *conntrack, uint32_t buffer_bytes, const char **step)
{
	int bytes = (int)buffer_bytes, err;

	memset(conntrack, 0, sizeof(*conntrack));
	conntrack->events_fd = conntrack->dump_fd = -1;
	*step = "open a netlink socket";
	err = open_socket();
	if (err < 0)
		return err;
	conntrack->events_fd = err;
	*step = "set the size of the socket's queue";
	err = setsockopt(conntrack->events_fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) ? -errno : 0;
	if (!err) {
		*step = "filter connection tracking events";
		err = attach_filter(conntrack->events_fd);
	}
	if (!err) {
		*step = "listen to connection tracking";
		err = join_group(conntrack->events_fd, NFNLGRP_CONNTRACK_NEW);
	}
	if (!err)
		err = join_group(conntrack->events_fd, NFNLGRP_CONNTRACK_DESTROY);
	if (!err) {
		*step = "take memory";
		conntrack->buffer = malloc((size_t)CONNTRACK_DATAGRAMS * CONNTRACK_DATAGRAM_BYTES);
		err = conntrack->buffer ? 0 : -ENOMEM;
	}
	if (err)
		conntrack_close(conntrack);
	return err;
}

void conntrack_close(struct conntrack *conntrack)
{
	if (conntrack->events_fd >= 0)
		close(conntrack->events_fd);
	if (conntrack->dump_fd >= 0)
		close(conntrack->dump_fd);
	free(conntrack->buffer);
	conntrack->events_fd = conntrack->dump_fd = -1;
	conntrack->buffer = NULL;
}

long conntrack_read(struct conntrack *conntrack, struct conntrack_record *into, size_t room, bool *more)
{
	struct iovec parts[CONNTRACK_DATAGRAMS];
	struct mmsghdr messages[CONNTRACK_DATAGRAMS];
	struct conntrack_parsed parsed;
	size_t records = 0;

	*more = true;
	/* A datagram is one event, so that what one call takes fits. */
	while (room - records >= CONNTRACK_DATAGRAMS) {
		int got;

		memset(messages, 0, sizeof(messages));
		for (int i = 0; i < CONNTRACK_DATAGRAMS; i++) {
			parts[i].iov_base = conntrack->buffer + (size_t)i * CONNTRACK_DATAGRAM_BYTES;
			parts[i].iov_len = CONNTRACK_DATAGRAM_BYTES;
			messages[i].msg_hdr.msg_iov = &parts[i];
			messages[i].msg_hdr.msg_iovlen = 1;
		}
		got = recvmmsg(conntrack->events_fd, messages, CONNTRACK_DATAGRAMS, MSG_DONTWAIT, NULL);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != EAGAIN)
			return -errno;
		for (int i = 0; i < got; i++) {
			conntrack_parse(parts[i].iov_base, messages[i].msg_len, into + records, room - records, &parsed);
			if (parsed.malformed || messages[i].msg_hdr.msg_flags & MSG_TRUNC)
				return -ENOBUFS;
			records += parsed.records;
		}
		if (got < CONNTRACK_DATAGRAMS) {
			*more = false;
			break;
		}
	}
	return (long)records;
}

struct request {
	struct nlmsghdr head;
	struct nfgenmsg body;
};

static int ask(int fd, uint16_t type)
{
	struct request request;

	memset(&request, 0, sizeof(request));
	request.head.nlmsg_len = sizeof(request);
	request.head.nlmsg_type = type;
	request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request.body.nfgen_family = AF_UNSPEC;
	request.body.version = NFNETLINK_V0;
	return send(fd, &request, sizeof(request), 0) < 0 ? -errno : 0;
}

static void end_dump(struct conntrack *conntrack)
{
	close(conntrack->dump_fd);
	conntrack->dump_fd = -1;
}

static int begin_dump(struct conntrack *conntrack)
{
	int fd = open_socket(), err;

	if (fd < 0)
		return fd;
	conntrack->dump_fd = fd;
	err = ask(fd, (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET);
	if (err)
		end_dump(conntrack);
	return err;
}

long conntrack_dump(struct conntrack *conntrack, struct conntrack_record *into, size_t room, bool *done)
{
	struct conntrack_parsed parsed;
	ssize_t got;
	int err = conntrack->dump_fd < 0 ? begin_dump(conntrack) : 0;

	*done = true;
	if (err)
		return err;
	got = recv(conntrack->dump_fd, conntrack->buffer, CONNTRACK_DUMP_BYTES, 0);
	if (got < 0) {
		err = -errno;
		end_dump(conntrack);
		return err;
	}
	conntrack_parse(conntrack->buffer, (size_t)got, into, room, &parsed);
	if (parsed.error || parsed.malformed) {
		end_dump(conntrack);
		return parsed.error ? -parsed.error : -EBADMSG;
	}
	*done = parsed.done;
	if (parsed.done)
		end_dump(conntrack);
	return (long)parsed.records;
}

/* Whether one of the chains in this part of a dump is of the type nat; `done` at its end. */
static bool has_nat_chain(const uint8_t *bytes, size_t length, bool *done)
{
	static const char nat[] = "nat";

	for (; length >= sizeof(struct nlmsghdr);) {
		struct nlmsghdr head;
		size_t at = sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg);

		memcpy(&head, bytes, sizeof(head));
		if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > length)
			break;
		if (head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR)
			break;
		while (at + sizeof(struct nlattr) <= head.nlmsg_len) {
			struct nlattr attribute;

			memcpy(&attribute, bytes + at, sizeof(attribute));
			if (attribute.nla_len < sizeof(attribute) || attribute.nla_len > head.nlmsg_len - at)
				break;
			if ((attribute.nla_type & NLA_TYPE_MASK) == NFTA_CHAIN_TYPE &&
			    attribute.nla_len == sizeof(attribute) + sizeof(nat) &&
			    memcmp(bytes + at + sizeof(attribute), nat, sizeof(nat)) == 0)
				return true;
			at += NLA_ALIGN(attribute.nla_len);
		}
		if (NLMSG_ALIGN(head.nlmsg_len) >= length)
			return false;
		bytes += NLMSG_ALIGN(head.nlmsg_len);
		length -= NLMSG_ALIGN(head.nlmsg_len);
	}
	*done = true;
	return false;
}

int conntrack_nat_chains(void)
{
	uint8_t bytes[CONNTRACK_DUMP_BYTES];
	bool done = false, found = false;
	int fd = open_socket(), err;

	if (fd < 0)
		return fd;
	err = ask(fd, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETCHAIN);
	while (!err && !done && !found) {
		ssize_t got = recv(fd, bytes, sizeof(bytes), 0);

		if (got < 0)
			err = -errno;
		else
			found = has_nat_chain(bytes, (size_t)got, &done);
	}
	close(fd);
	return err ? err : found;
}
