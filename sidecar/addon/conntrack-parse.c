/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that the kernel sent -> records. Every length is held against what is there before it is believed. */
#include <string.h>
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include "conntrack.h"

enum { TCP = 6, ID_BYTES = 4, PORT_BYTES = 2 };

struct span {
	const uint8_t *bytes;
	size_t length;
};

struct attribute {
	uint16_t type;
	struct span value;
};

/* Take the next attribute off; false at the end or where its length cannot be. */
static bool next_attribute(struct span *rest, struct attribute *attribute)
{
	struct nlattr head;
	size_t padded;

	if (rest->length < sizeof(head))
		return false;
	memcpy(&head, rest->bytes, sizeof(head));
	if (head.nla_len < sizeof(head) || head.nla_len > rest->length)
		return false;
	attribute->type = head.nla_type & NLA_TYPE_MASK;
	attribute->value.bytes = rest->bytes + sizeof(head);
	attribute->value.length = head.nla_len - sizeof(head);
	padded = NLA_ALIGN(head.nla_len);
	if (padded > rest->length)
		padded = rest->length;
	rest->bytes += padded;
	rest->length -= padded;
	return true;
}

static bool take_port(struct span value, uint16_t *into)
{
	uint16_t port;

	if (value.length != PORT_BYTES)
		return false;
	memcpy(&port, value.bytes, sizeof(port));
	*into = ntohs(port);
	return true;
}

static bool take_v4(struct span value, uint8_t *into)
{
	if (value.length != 4)
		return false;
	memset(into, 0, 10);
	into[10] = into[11] = 0xff;
	memcpy(into + 12, value.bytes, 4);
	return true;
}

static bool take_v6(struct span value, uint8_t *into)
{
	if (value.length != 16)
		return false;
	memcpy(into, value.bytes, 16);
	return true;
}

struct tuple {
	uint8_t *src, *dst;
	uint16_t *src_port, *dst_port;
};

enum { HAS_SRC = 1, HAS_DST = 2, HAS_SRC_PORT = 4, HAS_DST_PORT = 8, HAS_TCP = 16, HAS_ALL = 31 };

static unsigned int take_addresses(struct span rest, const struct tuple *tuple)
{
	struct attribute a;
	unsigned int has = 0;

	while (next_attribute(&rest, &a)) {
		if ((a.type == CTA_IP_V4_SRC && take_v4(a.value, tuple->src)) ||
		    (a.type == CTA_IP_V6_SRC && take_v6(a.value, tuple->src)))
			has |= HAS_SRC;
		if ((a.type == CTA_IP_V4_DST && take_v4(a.value, tuple->dst)) ||
		    (a.type == CTA_IP_V6_DST && take_v6(a.value, tuple->dst)))
			has |= HAS_DST;
	}
	return has;
}

static unsigned int take_ports(struct span rest, const struct tuple *tuple)
{
	struct attribute a;
	unsigned int has = 0;

	while (next_attribute(&rest, &a)) {
		if (a.type == CTA_PROTO_NUM && a.value.length == 1 && a.value.bytes[0] == TCP)
			has |= HAS_TCP;
		if (a.type == CTA_PROTO_SRC_PORT && take_port(a.value, tuple->src_port))
			has |= HAS_SRC_PORT;
		if (a.type == CTA_PROTO_DST_PORT && take_port(a.value, tuple->dst_port))
			has |= HAS_DST_PORT;
	}
	return has;
}

static unsigned int take_tuple(struct span rest, struct tuple tuple)
{
	struct attribute a;
	unsigned int has = 0;

	while (next_attribute(&rest, &a)) {
		if (a.type == CTA_TUPLE_IP)
			has |= take_addresses(a.value, &tuple);
		if (a.type == CTA_TUPLE_PROTO)
			has |= take_ports(a.value, &tuple);
	}
	return has;
}

static bool is_translated(const struct conntrack_record *r)
{
	return memcmp(r->orig_src, r->reply_dst, 16) != 0 || memcmp(r->orig_dst, r->reply_src, 16) != 0 ||
	       r->orig_src_port != r->reply_dst_port || r->orig_dst_port != r->reply_src_port;
}

enum verdict { RECORD, OTHER, MALFORMED };

static enum verdict take_entry(struct span rest, struct conntrack_record *r)
{
	unsigned int orig = 0, reply = 0;
	struct attribute a;
	bool has_id = false;

	while (next_attribute(&rest, &a)) {
		if (a.type == CTA_TUPLE_ORIG)
			orig = take_tuple(a.value, (struct tuple){ r->orig_src, r->orig_dst, &r->orig_src_port, &r->orig_dst_port });
		if (a.type == CTA_TUPLE_REPLY)
			reply = take_tuple(a.value, (struct tuple){ r->reply_src, r->reply_dst, &r->reply_src_port, &r->reply_dst_port });
		if (a.type == CTA_ID && a.value.length == ID_BYTES) {
			memcpy(&r->id, a.value.bytes, ID_BYTES);
			has_id = true;
		}
		if (a.type == CTA_ZONE)
			take_port(a.value, &r->zone);
	}
	if (!(orig & HAS_TCP) && orig)
		return OTHER;
	if (orig != HAS_ALL || reply != HAS_ALL || !has_id)
		return MALFORMED;
	return is_translated(r) ? RECORD : OTHER;
}

/* Which kind a conntrack message is, 0: none of ours. */
static uint8_t kind_of(const struct nlmsghdr *head)
{
	if (NFNL_SUBSYS_ID(head->nlmsg_type) != NFNL_SUBSYS_CTNETLINK)
		return 0;
	if (NFNL_MSG_TYPE(head->nlmsg_type) == IPCTNL_MSG_CT_DELETE)
		return CONNTRACK_DESTROY;
	if (NFNL_MSG_TYPE(head->nlmsg_type) != IPCTNL_MSG_CT_NEW)
		return 0;
	if (head->nlmsg_flags & NLM_F_MULTI)
		return CONNTRACK_SEEN;
	return head->nlmsg_flags & NLM_F_CREATE ? CONNTRACK_NEW : 0;
}

static void take_control(const struct nlmsghdr *head, struct span body, struct conntrack_parsed *parsed)
{
	int32_t error = 0;

	if (head->nlmsg_type == NLMSG_DONE)
		parsed->done = true;
	if (head->nlmsg_type != NLMSG_ERROR && head->nlmsg_type != NLMSG_DONE)
		return;
	if (body.length >= sizeof(error))
		memcpy(&error, body.bytes, sizeof(error));
	/* A kernel's errno; anything else is not one. */
	if (error < 0 && error >= -4095)
		parsed->error = -error;
}

void conntrack_parse(const uint8_t *bytes, size_t length, struct conntrack_record *into, size_t room,
		     struct conntrack_parsed *parsed)
{
	memset(parsed, 0, sizeof(*parsed));
	while (length >= sizeof(struct nlmsghdr)) {
		struct conntrack_record record;
		struct nlmsghdr head;
		struct span body;
		enum verdict verdict;

		memcpy(&head, bytes, sizeof(head));
		if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > length)
			break;
		body = (struct span){ bytes + sizeof(head), head.nlmsg_len - sizeof(head) };
		memset(&record, 0, sizeof(record));
		record.kind = kind_of(&head);
		if (head.nlmsg_type < NLMSG_MIN_TYPE) {
			take_control(&head, body, parsed);
		} else if (record.kind) {
			if (body.length < sizeof(struct nfgenmsg)) {
				parsed->malformed++;
			} else {
				body.bytes += sizeof(struct nfgenmsg);
				body.length -= sizeof(struct nfgenmsg);
				verdict = take_entry(body, &record);
				if (verdict == MALFORMED || (verdict == RECORD && parsed->records == room))
					parsed->malformed++;
				else if (verdict == RECORD)
					memcpy(&into[parsed->records++], &record, sizeof(record));
			}
		}
		if (NLMSG_ALIGN(head.nlmsg_len) >= length)
			return;
		bytes += NLMSG_ALIGN(head.nlmsg_len);
		length -= NLMSG_ALIGN(head.nlmsg_len);
	}
	if (length > 0)
		parsed->malformed++;
}
