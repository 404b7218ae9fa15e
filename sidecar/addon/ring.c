/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring as the kernel lays it out: each record has a header of 8 bytes, whose first u32 is the length with two flags,
 * and takes a multiple of 8 bytes. Positions only grow. A busy record was reserved and is being filled: whoever reads
 * stops there, so the order is that of reservation.
 *
 *      released by us          read by us            written by the kernel
 *   ───────┤ consumer ───────────┤ cursor ───────────────┤ producer
 *
 * A record with the prefix that readers see takes as many bytes as it does in the ring, and a read ends before a discarded
 * one: so what was read is a stretch of the ring, and the position of each record in it is known from where it ended.
 */
#include <linux/bpf.h>
#include <string.h>
#include "capture.h"

/* The data is mapped once, so a record may go on at its beginning; its header, 8 bytes of a multiple of 8, never does. */
static void copy_out(const struct capture *capture, uint64_t position, uint8_t *into, size_t bytes)
{
	uint64_t from = position & (capture->ring_bytes - 1), rest = capture->ring_bytes - from;
	size_t first = rest < bytes ? (size_t)rest : bytes;

	memcpy(into, capture->data + from, first);
	memcpy(into + first, capture->data, bytes - first);
}

size_t ring_read(struct capture *capture, uint8_t *into, size_t room)
{
	uint64_t cursor = capture->cursor, producer = __atomic_load_n(capture->producer, __ATOMIC_ACQUIRE);
	uint64_t mask = capture->ring_bytes - 1;
	size_t used = 0;

	while (cursor < producer) {
		const uint8_t *slot = capture->data + (cursor & mask);
		uint32_t header = __atomic_load_n((const uint32_t *)slot, __ATOMIC_ACQUIRE);
		uint32_t length = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		uint32_t padded = (length + 7) & ~7u;

		if (header & BPF_RINGBUF_BUSY_BIT)
			break;
		if (header & BPF_RINGBUF_DISCARD_BIT) {
			if (used)
				break;
		} else {
			if (room - used < RECORD_PREFIX_BYTES + padded)
				break;
			memcpy(into + used, &length, sizeof(length));
			memset(into + used + sizeof(length), 0, RECORD_PREFIX_BYTES - sizeof(length));
			copy_out(capture, cursor + BPF_RINGBUF_HDR_SZ, into + used + RECORD_PREFIX_BYTES, padded);
			used += RECORD_PREFIX_BYTES + padded;
		}
		cursor += BPF_RINGBUF_HDR_SZ + padded;
	}
	capture->cursor = cursor;
	return used;
}

bool ring_release(struct capture *capture, uint64_t position)
{
	uint64_t released = *capture->consumer;

	if (position < released || position > capture->cursor || position % 8)
		return false;
	__atomic_store_n(capture->consumer, (unsigned long)position, __ATOMIC_RELEASE);
	return true;
}

uint64_t ring_backlog(const struct capture *capture)
{
	return __atomic_load_n(capture->producer, __ATOMIC_ACQUIRE) - *capture->consumer;
}
