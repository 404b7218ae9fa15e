/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's connection tracking of the network namespace that this process lives in, as far as it translates TCP:
 * what began and ended (multicast), what is there (a dump). Without a word of N-API.
 */
#ifndef WEIR_CONNTRACK_H
#define WEIR_CONNTRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONNTRACK_NEW = 1, CONNTRACK_DESTROY = 2, CONNTRACK_SEEN = 3 };

/* One translated connection, as sidecar/conntrack/record.ts reads it. Addresses: IPv4 as ::ffff:a.b.c.d; ports: host order. */
struct conntrack_record {
	uint8_t kind;
	uint8_t unused;
	uint16_t zone;
	uint32_t id;
	uint8_t orig_src[16];   /* as the client's socket sees both ends */
	uint8_t orig_dst[16];
	uint8_t reply_src[16];  /* as the server's does: it answers from reply_src to reply_dst */
	uint8_t reply_dst[16];
	uint16_t orig_src_port;
	uint16_t orig_dst_port;
	uint16_t reply_src_port;
	uint16_t reply_dst_port;
};
_Static_assert(sizeof(struct conntrack_record) == 80, "sidecar/conntrack/record.ts knows the layout");

enum {
	CONNTRACK_DATAGRAMS = 64,        /* taken with one system call */
	CONNTRACK_DATAGRAM_BYTES = 2048, /* an event has some 300 */
	CONNTRACK_DUMP_BYTES = 32768,    /* the most that the kernel puts into one part of a dump */
	/* What one datagram or part of a dump can hold at most, a message being more than 64 bytes long. */
	CONNTRACK_RECORDS_MIN = CONNTRACK_DUMP_BYTES / 64,
};

struct conntrack {
	int events_fd;
	int dump_fd;   /* -1: no dump is under way */
	uint8_t *buffer;
};

/* Outcome of a parse. */
struct conntrack_parsed {
	size_t records;
	size_t malformed;
	bool done;      /* the end of a dump */
	int error;      /* errno that the kernel answered, or 0 */
};

/*
 * Netlink messages of one datagram -> records. Whatever the bytes are, nothing outside of them is read and at most `room`
 * records are written; what cannot be is counted as malformed, what is not translated TCP is left out.
 */
void conntrack_parse(const uint8_t *bytes, size_t length, struct conntrack_record *into, size_t room,
		     struct conntrack_parsed *parsed);

/* 0 or -errno; EPERM without CAP_NET_ADMIN. The step that failed in `step`. */
int conntrack_open(struct conntrack *conntrack, uint32_t buffer_bytes, const char **step);
void conntrack_close(struct conntrack *conntrack);

/*
 * Events so far. Returns how many records, or -errno; -ENOBUFS: the kernel had no room for some, or one could not be read.
 * Fewer than there was room for: no more are there.
 */
long conntrack_read(struct conntrack *conntrack, struct conntrack_record *into, size_t room, bool *more);

/* The next part of a dump, which the first call begins. Returns how many records, or -errno. */
long conntrack_dump(struct conntrack *conntrack, struct conntrack_record *into, size_t room, bool *done);

/* 1: this namespace has a chain that translates, 0: none, or -errno. Only nf_tables' chains, iptables-nft's among them. */
int conntrack_nat_chains(void);

#endif
