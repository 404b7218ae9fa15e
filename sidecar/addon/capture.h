/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's side of a capture, without a word of N-API: what is loaded, attached and mapped. */
#ifndef WEIR_CAPTURE_H
#define WEIR_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>
#include "../../bpf/counter_fields.h"

enum { LOG_BYTES = 4096, STEP_BYTES = 64, CGROUP_PATH_BYTES = 4096, RECORD_PREFIX_BYTES = 8, JOURNAL_BYTES = 4064 };

/* The objects, in the order of loading; only the first must load. */
enum { OBJECT_FLOW, OBJECT_TRANSITIONS, OBJECT_WALK, OBJECTS };
/* The maps that every object has, in the order of their descriptors. */
enum { MAP_COUNTERS, MAP_RING, MAP_CONNECTIONS, MAP_BASELINES, MAPS };

/* Why something is not there: what was tried, the errno, the end of the verifier's log. error 0: it is there. */
struct failure {
	int error;
	char step[STEP_BYTES];
	char log[LOG_BYTES];
};

struct settings {
	char cgroup_path[CGROUP_PATH_BYTES];
	uint32_t ring_bytes;       /* a power of two, at least a page */
	uint32_t state_entries;    /* of connections and of baselines */
	char pin_folder[CGROUP_PATH_BYTES]; /* on a bpffs; empty: the capture ends with the process */
};

/*
 * One loaded object. With a skeleton, program and maps are the skeleton's and borrowed here; an adopted one has none and
 * owns them. prog_fd 0: the object is not there.
 */
struct object {
	void *skeleton;
	void (*destroy)(void *skeleton);
	int prog_fd;
	int link_fd; /* owned; 0 when not attached */
	int map_fd[MAPS];
};

struct capture {
	struct object object[OBJECTS];
	struct failure failure[OBJECTS];
	/* ring */
	unsigned long *consumer;
	unsigned long *producer;
	uint8_t *data;
	uint64_t ring_bytes;
	uint64_t cursor;   /* where reading stands; between the consumer's and the producer's position */
	/* counters */
	struct counters *counters;
	uint32_t counter_slots;
	/* journal */
	int journal_fd;
	struct journal *journal;
	/* walk */
	int walk_fd; /* 0 when none is under way */
	/* pins */
	int lock_fd; /* 0 when the capture is not pinned */
	bool adopted;
	bool ended; /* adopted without its links: no more records */
	char pin_folder[CGROUP_PATH_BYTES];
};

/*
 * Load, attach, map; or adopt what another process has left pinned, with its ring, whatever the settings say of size. On failure
 * everything is undone, `failure` says why, and NULL is returned.
 */
struct capture *capture_open(const struct settings *settings, struct failure *failure);
/* No more records from here on, and none half-made: what the ring holds stays readable, and pinned. */
void capture_detach(struct capture *capture);
/* Unload, unmap, free; a capture that is pinned goes on in the kernel. The caller sees to it that no walk is running. */
void capture_close(struct capture *capture);

const char *object_name(int object);
/* Load one object, with maps of another one where `shared` is given, and attach it. Returns 0 or -errno. */
int object_load(struct object *object, int which, const struct object *shared, const struct settings *settings,
		uint32_t counter_slots, uint64_t cgroup_id, struct failure *failure);
int object_attach(struct object *object, int which, int cgroup_fd);
void object_detach(struct object *object);
void object_unload(struct object *object);
/* Runs that the kernel skipped because the program was active on that CPU. */
uint64_t object_recursion_misses(const struct object *object);

/* Copy whole records, each with its 8-byte prefix, from the cursor on. Returns bytes written. */
size_t ring_read(struct capture *capture, uint8_t *into, size_t room);
/* Give room up to `position` back. False when the position is not between the last release and the cursor. */
bool ring_release(struct capture *capture, uint64_t position);
uint64_t ring_backlog(const struct capture *capture);

int journal_create(void);
int journal_map(struct capture *capture);
void journal_unmap(struct capture *capture);
/* At most JOURNAL_BYTES; what was written before is replaced, all or nothing. */
void journal_write(struct capture *capture, const uint8_t *bytes, size_t length);
/* The bytes belong to the capture. */
const uint8_t *journal_read(const struct capture *capture, size_t *length);

void counters_sum(const struct capture *capture, struct counters *sum);

/* Walk on until about `records` were written or the pass is over (*done). Blocks; for a worker thread. 0 or -errno. */
int walk_step(struct capture *capture, size_t records, size_t *written, bool *done);

#endif
