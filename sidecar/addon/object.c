/* SPDX-License-Identifier: Apache-2.0 */
/* The light skeletons behind one shape: load with the log when it fails, attach, unload. */
#include <stdio.h>
#include "capture.h"
#include "../../bpf/generated/flow.lskel.h"
#include "../../bpf/generated/transitions.lskel.h"
#include "../../bpf/generated/walk.lskel.h"

enum { VERIFIER_LOG_BYTES = 1 << 20, LOAD_TRIES = 20 };

const char *object_name(int object)
{
	static const char *const names[OBJECTS] = { "sock_ops", "tp_btf/inet_sock_set_state", "iter/task_file" };

	return names[object];
}

/*
 * The skeletons have the same maps in the same order, so one function body serves them. Each load opens a fresh skeleton:
 * a failed loader leaves the old one undefined.
 */
#define DEFINE_LOAD(name, program) \
	static void destroy_##name(void *skeleton) \
	{ \
		weir_##name##__destroy(skeleton); \
	} \
	static int load_##name(struct object *object, const struct object *shared, const struct settings *settings, \
			       uint32_t counter_slots, uint64_t cgroup_id, char *log) \
	{ \
		struct weir_##name *s = weir_##name##__open(); \
		int err; \
		if (!s) \
			return -ENOMEM; \
		if (log) { \
			s->ctx.log_level = 1; \
			s->ctx.log_size = VERIFIER_LOG_BYTES; \
			s->ctx.log_buf = (__u64)(unsigned long)log; \
		} \
		s->rodata->config_cgroup_id = cgroup_id; \
		s->rodata->config_counter_mask = counter_slots - 1; \
		s->maps.counters.max_entries = counter_slots; \
		s->maps.ring.max_entries = settings->ring_bytes; \
		s->maps.connections.max_entries = settings->state_entries; \
		s->maps.baselines.max_entries = settings->state_entries; \
		if (shared) { \
			s->maps.counters.map_fd = shared->map_fd[MAP_COUNTERS]; \
			s->maps.ring.map_fd = shared->map_fd[MAP_RING]; \
			s->maps.connections.map_fd = shared->map_fd[MAP_CONNECTIONS]; \
			s->maps.baselines.map_fd = shared->map_fd[MAP_BASELINES]; \
		} \
		err = weir_##name##__load(s); \
		if (err) { \
			weir_##name##__destroy(s); \
			return err; \
		} \
		object->skeleton = s; \
		object->destroy = destroy_##name; \
		object->prog_fd = s->progs.program.prog_fd; \
		object->map_fd[MAP_COUNTERS] = s->maps.counters.map_fd; \
		object->map_fd[MAP_RING] = s->maps.ring.map_fd; \
		object->map_fd[MAP_CONNECTIONS] = s->maps.connections.map_fd; \
		object->map_fd[MAP_BASELINES] = s->maps.baselines.map_fd; \
		return 0; \
	}

DEFINE_LOAD(flow, flow_sock_ops)
DEFINE_LOAD(transitions, flow_transition)
DEFINE_LOAD(walk, flow_walk)

typedef int load_fn(struct object *, const struct object *, const struct settings *, uint32_t, uint64_t, char *);
static load_fn *const loads[OBJECTS] = { load_flow, load_transitions, load_walk };

/* The end of the log is where the verifier says what it refuses. */
static void keep_tail(char *to, const char *log)
{
	size_t length = strnlen(log, VERIFIER_LOG_BYTES), skip = length >= LOG_BYTES ? length - LOG_BYTES + 1 : 0;

	memcpy(to, log + skip, length - skip);
	to[length - skip] = 0;
}

int object_load(struct object *object, int which, const struct object *shared, const struct settings *settings,
		uint32_t counter_slots, uint64_t cgroup_id, struct failure *failure)
{
	int err = -EAGAIN, again;
	char *log;

	/* The verifier gives up with EAGAIN when a signal is pending (a child ended): the next try finds it handled. */
	for (int tries = 0; err == -EAGAIN && tries < LOAD_TRIES; tries++)
		err = loads[which](object, shared, settings, counter_slots, cgroup_id, NULL);
	failure->error = 0;
	if (!err)
		return 0;
	failure->error = -err;
	snprintf(failure->step, sizeof(failure->step), "load %s", object_name(which));
	/* Once more with the verifier's log on, which is slow and so not asked for at first. */
	log = calloc(1, VERIFIER_LOG_BYTES);
	if (!log)
		return err;
	again = loads[which](object, shared, settings, counter_slots, cgroup_id, log);
	keep_tail(failure->log, log);
	free(log);
	if (again)
		return err;
	failure->error = 0; /* what was short a moment ago is there now */
	return 0;
}

int object_attach(struct object *object, int which, int cgroup_fd)
{
	int fd;

	/* bpftool 7.1 generates no attach for sock_ops: its function returns 0 and does nothing. */
	if (which == OBJECT_FLOW)
		fd = skel_link_create(object->prog_fd, cgroup_fd, BPF_CGROUP_SOCK_OPS);
	else if (which == OBJECT_TRANSITIONS)
		fd = skel_raw_tracepoint_open(NULL, object->prog_fd);
	else
		fd = skel_link_create(object->prog_fd, 0, BPF_TRACE_ITER);
	if (fd < 0)
		return -errno;
	object->link_fd = fd;
	return 0;
}

/* Where a kind of link cannot be detached by hand, closing the last descriptor does it. */
void object_detach(struct object *object)
{
	union bpf_attr attr;

	if (object->link_fd <= 0)
		return;
	memset(&attr, 0, sizeof(attr));
	attr.link_detach.link_fd = (__u32)object->link_fd;
	skel_bpf(BPF_LINK_DETACH, &attr);
	close(object->link_fd);
	object->link_fd = 0;
}

/* Closing a link's descriptor detaches it, unless it is pinned. */
void object_unload(struct object *object)
{
	skel_closenz(object->link_fd);
	if (object->skeleton) {
		object->destroy(object->skeleton);
	} else {
		skel_closenz(object->prog_fd);
		for (int i = 0; i < MAPS; i++)
			skel_closenz(object->map_fd[i]);
	}
	memset(object, 0, sizeof(*object));
}

uint64_t object_recursion_misses(const struct object *object)
{
	struct bpf_prog_info info;
	union bpf_attr attr;

	if (!object->prog_fd)
		return 0;
	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (__u32)object->prog_fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (__u64)(unsigned long)&info;
	return skel_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) ? 0 : info.recursion_misses;
}
