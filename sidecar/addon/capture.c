/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing a capture. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <linux/bpf.h>
#include <linux/membarrier.h>
#include "pin.h"

enum { CGROUP_ROOT_INODE = 1, COUNTER_SLOTS_MAX = 4096 };

static void fail(struct failure *failure, int error, const char *step)
{
	failure->error = error;
	snprintf(failure->step, sizeof(failure->step), "%s", step);
}

/* A slot for every CPU that may come, rounded up to a power of two. */
static uint32_t counter_slots(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	uint32_t slots = 1;

	while (slots < COUNTER_SLOTS_MAX && (long)slots < cpus)
		slots *= 2;
	return slots;
}

static uint32_t map_entries(int fd)
{
	struct bpf_map_info info;
	union bpf_attr attr;

	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (__u32)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (__u64)(unsigned long)&info;
	return syscall(__NR_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof(attr)) ? 0 : info.max_entries;
}

static size_t page_up(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) / page * page;
}

/*
 * The kernel's layout: consumer page (ours to write), producer page, then the data twice, so that no record wraps. We map
 * it once and wrap ourselves: every page of it counts as resident, and again where it is mapped again.
 */
static int map_ring(struct capture *capture)
{
	int fd = capture->object[OBJECT_FLOW].map_fd[MAP_RING];
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *consumer = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *producer;

	if (consumer == MAP_FAILED)
		return -errno;
	capture->consumer = consumer;
	producer = mmap(NULL, page + capture->ring_bytes, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (producer == MAP_FAILED)
		return -errno;
	capture->producer = producer;
	capture->data = (uint8_t *)producer + page;
	capture->cursor = *capture->consumer;
	return 0;
}

static int map_counters(struct capture *capture)
{
	size_t bytes = page_up(capture->counter_slots * sizeof(struct counters));
	int fd = capture->object[OBJECT_FLOW].map_fd[MAP_COUNTERS];
	void *memory = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	capture->counters = memory;
	return 0;
}

/* Optional objects: each stands or falls alone, and says why. */
static void open_optional(struct capture *capture, int which, const struct settings *settings, uint64_t cgroup_id)
{
	struct object *object = &capture->object[which];
	struct failure *failure = &capture->failure[which];
	int err = object_load(object, which, &capture->object[OBJECT_FLOW], settings, capture->counter_slots, cgroup_id,
			      failure);

	if (err)
		return;
	err = object_attach(object, which, -1);
	if (!err)
		return;
	fail(failure, -err, "attach");
	object_unload(object);
}

/* What reading needs, from the maps that are there. */
static int map_all(struct capture *capture, struct failure *failure)
{
	int err = map_ring(capture);

	if (err) {
		fail(failure, -err, "map the ring");
		return err;
	}
	err = map_counters(capture);
	if (err) {
		fail(failure, -err, "map the counters");
		return err;
	}
	err = journal_map(capture);
	if (err)
		fail(failure, -err, "map the journal");
	return err;
}

static int open_core(struct capture *capture, const struct settings *settings, int cgroup_fd, uint64_t cgroup_id,
		     struct failure *failure)
{
	struct object *core = &capture->object[OBJECT_FLOW];
	int err = object_load(core, OBJECT_FLOW, NULL, settings, capture->counter_slots, cgroup_id, failure);

	if (err)
		return err;
	capture->journal_fd = journal_create();
	if (capture->journal_fd < 0) {
		err = capture->journal_fd;
		capture->journal_fd = 0;
		fail(failure, -err, "make the journal");
		return err;
	}
	err = map_all(capture, failure);
	if (err)
		return err;
	err = object_attach(core, OBJECT_FLOW, cgroup_fd);
	if (err)
		fail(failure, -err, "attach sock_ops to the cgroup");
	return err;
}

static int open_fresh(struct capture *capture, const struct settings *settings, struct failure *failure)
{
	int cgroup_fd = open(settings->cgroup_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err = -EIO;
	struct stat status;
	uint64_t cgroup_id;

	if (cgroup_fd < 0 || fstat(cgroup_fd, &status)) {
		fail(failure, errno, "open the cgroup");
	} else {
		cgroup_id = status.st_ino == CGROUP_ROOT_INODE ? 0 : status.st_ino;
		capture->ring_bytes = settings->ring_bytes;
		capture->counter_slots = counter_slots();
		err = open_core(capture, settings, cgroup_fd, cgroup_id, failure);
	}
	if (cgroup_fd >= 0)
		close(cgroup_fd);
	if (err)
		return err;
	open_optional(capture, OBJECT_TRANSITIONS, settings, cgroup_id);
	open_optional(capture, OBJECT_WALK, settings, cgroup_id);
	if (!capture->lock_fd)
		return 0;
	err = pin_all(capture, settings->pin_folder);
	if (err)
		fail(failure, -err, "pin the capture");
	return err;
}

/* The ring and the counters are as large as they were made, whatever the settings say now. */
static int open_adopted(struct capture *capture, const struct settings *settings, struct failure *failure)
{
	int err = pin_adopt(capture, settings->pin_folder);

	if (err) {
		fail(failure, -err, "adopt the pinned capture");
		return err;
	}
	capture->adopted = true;
	capture->ring_bytes = map_entries(capture->object[OBJECT_FLOW].map_fd[MAP_RING]);
	capture->counter_slots = map_entries(capture->object[OBJECT_FLOW].map_fd[MAP_COUNTERS]);
	return map_all(capture, failure);
}

static int open_pinned(struct capture *capture, const struct settings *settings, struct failure *failure)
{
	int fd = pin_lock(settings->pin_folder);

	if (fd < 0) {
		fail(failure, -fd, "take the pin folder");
		return fd;
	}
	capture->lock_fd = fd;
	snprintf(capture->pin_folder, sizeof(capture->pin_folder), "%s", settings->pin_folder);
	return pin_exists(settings->pin_folder) ? open_adopted(capture, settings, failure) :
						  open_fresh(capture, settings, failure);
}

struct capture *capture_open(const struct settings *settings, struct failure *failure)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	int err;

	memset(failure, 0, sizeof(*failure));
	if (!capture) {
		fail(failure, ENOMEM, "allocate");
		return NULL;
	}
	err = settings->pin_folder[0] ? open_pinned(capture, settings, failure) : open_fresh(capture, settings, failure);
	if (!err)
		return capture;
	capture_close(capture);
	return NULL;
}

void capture_detach(struct capture *capture)
{
	if (capture->lock_fd)
		pin_remove_links(capture->pin_folder);
	for (int i = OBJECTS - 1; i >= 0; i--)
		object_detach(&capture->object[i]);
	/* Waits for an RCU grace period: runs that had begun on other CPUs are over. */
	syscall(__NR_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

void capture_close(struct capture *capture)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (capture->walk_fd > 0)
		close(capture->walk_fd);
	for (int i = OBJECTS - 1; i >= 0; i--)
		object_unload(&capture->object[i]);
	if (capture->consumer)
		munmap(capture->consumer, page);
	if (capture->producer)
		munmap(capture->producer, page + capture->ring_bytes);
	if (capture->counters)
		munmap(capture->counters, page_up(capture->counter_slots * sizeof(struct counters)));
	journal_unmap(capture);
	if (capture->journal_fd)
		close(capture->journal_fd);
	if (capture->lock_fd)
		close(capture->lock_fd);
	free(capture);
}

void counters_sum(const struct capture *capture, struct counters *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (uint32_t i = 0; i < capture->counter_slots; i++) {
		const volatile struct counters *of_cpu = &capture->counters[i];

		sum->reserved += of_cpu->reserved;
		sum->ring_full += of_cpu->ring_full;
		sum->listen_dropped += of_cpu->listen_dropped;
		sum->state_full += of_cpu->state_full;
		sum->seeded += of_cpu->seeded;
		sum->interim_deferred += of_cpu->interim_deferred;
		sum->baseline_full += of_cpu->baseline_full;
	}
}
