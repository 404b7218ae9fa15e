/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/mman.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include "resident.h"

enum { SEGMENTS_MAX = 256, LINE_BYTES = 4096 + 128 };

struct segments {
	size_t count;
	struct {
		uintptr_t from;
		uintptr_t to;
	} at[SEGMENTS_MAX];
};

static bool has_text_relocations(const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Dyn) *entry = (const ElfW(Dyn) *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);

		if (info->dlpi_phdr[i].p_type != PT_DYNAMIC)
			continue;
		for (; entry->d_tag != DT_NULL; entry++)
			if (entry->d_tag == DT_TEXTREL || (entry->d_tag == DT_FLAGS && entry->d_un.d_val & DF_TEXTREL))
				return true;
	}
	return false;
}

/* Segments that nothing may write to are the file's bytes. The page at an end may belong to a neighbour too. */
static int collect(struct dl_phdr_info *info, size_t size, void *data)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	struct segments *segments = data;

	(void)size;
	if (has_text_relocations(info))
		return 0;
	for (int i = 0; i < info->dlpi_phnum && segments->count < SEGMENTS_MAX; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type != PT_LOAD || segment->p_flags & PF_W)
			continue;
		segments->at[segments->count].from = (from + page - 1) & ~(page - 1);
		segments->at[segments->count].to = (from + segment->p_filesz) & ~(page - 1);
		segments->count++;
	}
	return 0;
}

static void trim_range(const struct segments *segments, uintptr_t from, uintptr_t to)
{
	for (size_t i = 0; i < segments->count; i++) {
		uintptr_t low = from > segments->at[i].from ? from : segments->at[i].from;
		uintptr_t high = to < segments->at[i].to ? to : segments->at[i].to;

		if (low < high)
			madvise((void *)low, high - low, MADV_DONTNEED);
	}
}

/*
 * What of the segments is a mapping of a file and not writable now: Node can put its text into anonymous huge pages
 * (--use-largepages), where giving pages back would be the end of it.
 */
static void trim_text(void)
{
	struct segments segments = { .count = 0 };
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[LINE_BYTES];

	if (!maps)
		return;
	dl_iterate_phdr(collect, &segments);
	while (fgets(line, sizeof(line), maps)) {
		unsigned long from, to, inode;
		char writable;

		if (sscanf(line, "%lx-%lx %*c%c%*c%*c %*x %*s %lu", &from, &to, &writable, &inode) == 4 && inode &&
		    writable == '-')
			trim_range(&segments, from, to);
	}
	fclose(maps);
}

void resident_trim(void)
{
	trim_text();
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
