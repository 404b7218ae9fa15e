/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that sidecar/native.ts declares, same names and order. Thin: check, call, convert. No state outside the
 * handles, so any number of captures and of worker threads may use one copy.
 */
#include <math.h>
#include <time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "conntrack-napi.h"
#include "diag.h"
#include "pin.h"
#include "report.h"
#include "resident.h"

enum { RING_BYTES_MIN = 4096, RING_BYTES_MAX = 1 << 30, STATE_ENTRIES_MAX = 1 << 24, READ_BYTES_MIN = 8 + 256 };
enum { CLOCK_SAMPLES = 8 };

static napi_value hook_report(napi_env env, struct capture *capture)
{
	napi_value hooks, value;

	napi_create_object(env, &hooks);
	for (int i = 0; i < OBJECTS; i++) {
		if (capture->failure[i].error)
			value = make_failure(env, &capture->failure[i]);
		else
			napi_get_null(env, &value);
		napi_set_named_property(env, hooks, object_name(i), value);
	}
	return hooks;
}

/* load({cgroupPath, ringBytes, stateEntries, pinPath: string | null}) -> {handle, adopted, ended, hooks: {name: null | Error}} */
static napi_value addon_load(napi_env env, napi_callback_info info)
{
	napi_value options, result, handle, adopted, ended;
	struct settings settings;
	struct failure failure;
	struct capture *capture;

	if (!take_arguments(env, info, 1, &options) ||
	    !take_string(env, options, "cgroupPath", settings.cgroup_path, sizeof(settings.cgroup_path)) ||
	    !take_u32(env, options, "ringBytes", RING_BYTES_MIN, RING_BYTES_MAX, &settings.ring_bytes) ||
	    !take_u32(env, options, "stateEntries", 1, STATE_ENTRIES_MAX, &settings.state_entries) ||
	    !take_optional_string(env, options, "pinPath", settings.pin_folder, sizeof(settings.pin_folder)))
		return NULL;
	if (settings.ring_bytes & (settings.ring_bytes - 1)) {
		throw_argument(env, "ringBytes: a power of two is needed");
		return NULL;
	}
	capture = capture_open(&settings, &failure);
	if (!capture) {
		throw_failure(env, &failure);
		return NULL;
	}
	handle = make_handle(env, capture);
	if (!handle)
		return NULL;
	napi_create_object(env, &result);
	napi_set_named_property(env, result, "handle", handle);
	napi_set_named_property(env, result, "hooks", hook_report(env, capture));
	napi_get_boolean(env, capture->adopted, &adopted);
	napi_set_named_property(env, result, "adopted", adopted);
	napi_get_boolean(env, capture->ended, &ended);
	napi_set_named_property(env, result, "ended", ended);
	return result;
}

/* read(handle, buffer) -> {bytes, position} */
static napi_value addon_read(napi_env env, napi_callback_info info)
{
	napi_value arguments[2], result;
	struct handle *handle;
	uint8_t *into;
	size_t room, bytes;

	if (!take_arguments(env, info, 2, arguments) || !take_open_handle(env, arguments[0], &handle) ||
	    !take_bytes(env, arguments[1], READ_BYTES_MIN, &into, &room))
		return NULL;
	bytes = ring_read(handle->capture, into, room);
	napi_create_object(env, &result);
	set_number(env, result, "bytes", (double)bytes);
	set_number(env, result, "position", (double)handle->capture->cursor);
	return result;
}

/* release(handle, position) */
static napi_value addon_release(napi_env env, napi_callback_info info)
{
	napi_value arguments[2];
	struct handle *handle;
	uint64_t position;

	if (!take_arguments(env, info, 2, arguments) || !take_open_handle(env, arguments[0], &handle) ||
	    !take_integer(env, arguments[1], "position", 1ULL << 53, &position))
		return NULL;
	if (!ring_release(handle->capture, position))
		throw_argument(env, "position: not between the last release and what was read");
	return NULL;
}

/* counters(handle) -> {reserved, ringFull, ..., recursionMisses: {hook: runs}} */
static napi_value addon_counters(napi_env env, napi_callback_info info)
{
	napi_value argument, result, misses;
	struct handle *handle;
	struct counters sum;

	if (!take_arguments(env, info, 1, &argument) || !take_open_handle(env, argument, &handle))
		return NULL;
	counters_sum(handle->capture, &sum);
	napi_create_object(env, &result);
	set_number(env, result, "reserved", (double)sum.reserved);
	set_number(env, result, "ringFull", (double)sum.ring_full);
	set_number(env, result, "listenDropped", (double)sum.listen_dropped);
	set_number(env, result, "stateFull", (double)sum.state_full);
	set_number(env, result, "seeded", (double)sum.seeded);
	set_number(env, result, "interimDeferred", (double)sum.interim_deferred);
	set_number(env, result, "baselineFull", (double)sum.baseline_full);
	set_number(env, result, "ringBytes", (double)handle->capture->ring_bytes);
	set_number(env, result, "backlogBytes", (double)ring_backlog(handle->capture));
	napi_create_object(env, &misses);
	for (int i = 0; i < OBJECTS; i++)
		if (handle->capture->object[i].prog_fd)
			set_number(env, misses, object_name(i),
				   (double)object_recursion_misses(&handle->capture->object[i]));
	napi_set_named_property(env, result, "recursionMisses", misses);
	return result;
}

/* writeJournal(handle, bytes): replaces what was there, all or nothing. */
static napi_value addon_write_journal(napi_env env, napi_callback_info info)
{
	napi_value arguments[2];
	struct handle *handle;
	uint8_t *bytes;
	size_t length;

	if (!take_arguments(env, info, 2, arguments) || !take_open_handle(env, arguments[0], &handle) ||
	    !take_bytes(env, arguments[1], 1, &bytes, &length))
		return NULL;
	if (length > JOURNAL_BYTES)
		throw_argument(env, "bytes: longer than the journal");
	else
		journal_write(handle->capture, bytes, length);
	return NULL;
}

/* readJournal(handle) -> Buffer, a copy; empty when nothing was written */
static napi_value addon_read_journal(napi_env env, napi_callback_info info)
{
	napi_value argument, copy = NULL;
	struct handle *handle;
	const uint8_t *bytes;
	size_t length;

	if (!take_arguments(env, info, 1, &argument) || !take_open_handle(env, argument, &handle))
		return NULL;
	bytes = journal_read(handle->capture, &length);
	napi_create_buffer_copy(env, length, bytes, NULL, &copy);
	return copy;
}

/* detach(handle): reading and counters go on, records do not. Again: nothing. */
static napi_value addon_detach(napi_env env, napi_callback_info info)
{
	napi_value argument;
	struct handle *handle;

	if (!take_arguments(env, info, 1, &argument) || !take_open_handle(env, argument, &handle))
		return NULL;
	if (handle->walking)
		throw_argument(env, "handle: a walk is under way");
	else
		capture_detach(handle->capture);
	return NULL;
}

/* unload(handle): at once, or when the walk under way comes back; again: nothing. */
static napi_value addon_unload(napi_env env, napi_callback_info info)
{
	napi_value argument;
	struct handle *handle;

	if (!take_arguments(env, info, 1, &argument) || !take_handle(env, argument, &handle) || !handle->capture)
		return NULL;
	if (handle->walking) {
		handle->closing = true;
		return NULL;
	}
	capture_close(handle->capture);
	handle->capture = NULL;
	return NULL;
}

/* discard(handle): the pins go; what the ring holds is readable until unload. */
static napi_value addon_discard(napi_env env, napi_callback_info info)
{
	napi_value argument;
	struct handle *handle;

	if (take_arguments(env, info, 1, &argument) && take_open_handle(env, argument, &handle) && handle->capture->lock_fd)
		pin_remove(handle->capture->pin_folder);
	return NULL;
}

/* unpin(folder): what is pinned there ends, read or not; throws when a process captures into it. */
static napi_value addon_unpin(napi_env env, napi_callback_info info)
{
	char folder[CGROUP_PATH_BYTES];
	struct failure failure;
	napi_value argument;
	int err;

	if (!take_arguments(env, info, 1, &argument) ||
	    !take_string(env, argument, "path", folder, sizeof(folder)))
		return NULL;
	err = pin_give_up(folder);
	if (!err)
		return NULL;
	memset(&failure, 0, sizeof(failure));
	failure.error = -err;
	snprintf(failure.step, sizeof(failure.step), "take the pin folder");
	throw_failure(env, &failure);
	return NULL;
}

/* listenerDump({path: string | null, inode}) -> Buffer: netlink messages; throws when the kernel refuses. */
static napi_value addon_listener_dump(napi_env env, napi_callback_info info)
{
	char path[CGROUP_PATH_BYTES];
	napi_value options, copy = NULL;
	struct failure failure;
	uint8_t *bytes = NULL;
	size_t length = 0;
	uint32_t inode;
	int err;

	if (!take_arguments(env, info, 1, &options) ||
	    !take_optional_string(env, options, "path", path, sizeof(path)) ||
	    !take_u32(env, options, "inode", 0, UINT32_MAX, &inode))
		return NULL;
	err = diag_listeners(path, inode, &bytes, &length);
	if (err) {
		memset(&failure, 0, sizeof(failure));
		failure.error = -err;
		snprintf(failure.step, sizeof(failure.step), "list listening sockets");
		throw_failure(env, &failure);
		return NULL;
	}
	napi_create_buffer_copy(env, length, bytes, NULL, &copy);
	free(bytes);
	return copy;
}

/* trim() */
static napi_value addon_trim(napi_env env, napi_callback_info info)
{
	(void)env;
	(void)info;
	resident_trim();
	return NULL;
}

static double clock_us(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

/*
 * clock() -> {bootToUnixUs, jiffiesHz}. The two clocks cannot be read at once: of a few tries the one counts in which the
 * least time passed between two readings of the boot clock. A jiffy is the resolution of the coarse clocks.
 */
static napi_value addon_clock(napi_env env, napi_callback_info info)
{
	double best = INFINITY, offset = 0;
	struct timespec jiffy;
	napi_value result;

	(void)info;
	for (int i = 0; i < CLOCK_SAMPLES; i++) {
		double before = clock_us(CLOCK_BOOTTIME), unix_us = clock_us(CLOCK_REALTIME);
		double after = clock_us(CLOCK_BOOTTIME);

		if (after - before < best) {
			best = after - before;
			offset = unix_us - (before + after) / 2;
		}
	}
	clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy);
	napi_create_object(env, &result);
	set_number(env, result, "bootToUnixUs", offset);
	set_number(env, result, "jiffiesHz", (double)(long)(1e9 / ((double)jiffy.tv_sec * 1e9 + (double)jiffy.tv_nsec) + 0.5));
	return result;
}

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */)
{
	const napi_property_descriptor functions[] = {
		{ "load", NULL, addon_load, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "read", NULL, addon_read, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "release", NULL, addon_release, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "counters", NULL, addon_counters, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "reportOpen", NULL, report_open, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "writeJournal", NULL, addon_write_journal, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "readJournal", NULL, addon_read_journal, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "detach", NULL, addon_detach, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "unload", NULL, addon_unload, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "discard", NULL, addon_discard, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "unpin", NULL, addon_unpin, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "listenerDump", NULL, addon_listener_dump, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "trim", NULL, addon_trim, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "clock", NULL, addon_clock, NULL, NULL, NULL, napi_enumerable, NULL },
	};

	if (napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions) != napi_ok ||
	    !conntrack_exports(env, exports))
		return NULL;
	return exports;
}
