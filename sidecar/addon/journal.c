/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A page of the reader's own beside the ring, in a map so that it can be pinned with it: what the next process must know
 * of what was read. Two slots; a write fills the one that does not count and then flips, so a process that is killed in
 * the middle leaves the last whole one.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "capture.h"

struct journal {
	uint64_t turn; /* the slot is its lowest bit */
	struct {
		uint64_t length;
		uint8_t bytes[JOURNAL_BYTES];
	} slot[2];
};

int journal_create(void)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.map_flags = BPF_F_MMAPABLE;
	attr.key_size = sizeof(__u32);
	attr.value_size = sizeof(struct journal);
	attr.max_entries = 1;
	memcpy(attr.map_name, "weir_journal", sizeof("weir_journal"));
	fd = (int)syscall(__NR_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

int journal_map(struct capture *capture)
{
	void *memory = mmap(NULL, sizeof(struct journal), PROT_READ | PROT_WRITE, MAP_SHARED, capture->journal_fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	capture->journal = memory;
	return 0;
}

void journal_unmap(struct capture *capture)
{
	if (capture->journal)
		munmap(capture->journal, sizeof(struct journal));
}

void journal_write(struct capture *capture, const uint8_t *bytes, size_t length)
{
	struct journal *journal = capture->journal;
	uint64_t next = journal->turn + 1;

	journal->slot[next & 1].length = length;
	memcpy(journal->slot[next & 1].bytes, bytes, length);
	__atomic_store_n(&journal->turn, next, __ATOMIC_RELEASE);
}

const uint8_t *journal_read(const struct capture *capture, size_t *length)
{
	const struct journal *journal = capture->journal;
	uint64_t turn = __atomic_load_n(&journal->turn, __ATOMIC_ACQUIRE);
	uint64_t stored = journal->slot[turn & 1].length;

	*length = stored <= JOURNAL_BYTES ? stored : 0;
	return journal->slot[turn & 1].bytes;
}
