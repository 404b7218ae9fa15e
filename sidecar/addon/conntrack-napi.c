/* SPDX-License-Identifier: Apache-2.0 */
/* The functions that sidecar/conntrack/native-conntrack.ts declares, same names and order. Thin: check, call, convert. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arguments.h"
#include "conntrack.h"
#include "conntrack-napi.h"

enum { BUFFER_BYTES_MIN = 4096, BUFFER_BYTES_MAX = 1 << 28 };

/* Tells our handles from any other wrapped object. */
static const napi_type_tag conntrack_tag = { 0x77656972666c6f77ULL, 0x636f6e6e74726163ULL };

static napi_value throw_step(napi_env env, const char *step, long err)
{
	struct failure failure;

	memset(&failure, 0, sizeof(failure));
	failure.error = (int)-err;
	snprintf(failure.step, sizeof(failure.step), "%s", step);
	throw_failure(env, &failure);
	return NULL;
}

static void finalize_conntrack(napi_env env, void *data, void *hint)
{
	(void)env;
	(void)hint;
	conntrack_close(data);
	free(data);
}

static bool take_conntrack(napi_env env, napi_value value, struct conntrack **conntrack)
{
	napi_valuetype type;
	bool ours = false;

	if (napi_typeof(env, value, &type) == napi_ok && type == napi_object &&
	    napi_check_object_type_tag(env, value, &conntrack_tag, &ours) == napi_ok && ours &&
	    napi_unwrap(env, value, (void **)conntrack) == napi_ok)
		return true;
	throw_argument(env, "handle: not a handle of connection tracking");
	return false;
}

static bool take_open_conntrack(napi_env env, napi_value value, struct conntrack **conntrack)
{
	if (!take_conntrack(env, value, conntrack))
		return false;
	if ((*conntrack)->events_fd >= 0)
		return true;
	throw_argument(env, "handle: it was closed");
	return false;
}

static napi_value wrap_conntrack(napi_env env, const struct conntrack *opened)
{
	struct conntrack *conntrack = malloc(sizeof(*conntrack));
	napi_value object;

	if (conntrack)
		*conntrack = *opened;
	if (conntrack && napi_create_object(env, &object) == napi_ok &&
	    napi_type_tag_object(env, object, &conntrack_tag) == napi_ok &&
	    napi_wrap(env, object, conntrack, finalize_conntrack, NULL, NULL) == napi_ok)
		return object;
	free(conntrack);
	return NULL;
}

/* conntrackOpen({bufferBytes}) -> handle */
static napi_value addon_open(napi_env env, napi_callback_info info)
{
	struct conntrack opened;
	napi_value options, object;
	uint32_t buffer_bytes;
	const char *step;
	int err;

	if (!take_arguments(env, info, 1, &options) ||
	    !take_u32(env, options, "bufferBytes", BUFFER_BYTES_MIN, BUFFER_BYTES_MAX, &buffer_bytes))
		return NULL;
	err = conntrack_open(&opened, buffer_bytes, &step);
	if (err)
		return throw_step(env, step, err);
	object = wrap_conntrack(env, &opened);
	if (!object) {
		conntrack_close(&opened);
		napi_throw_error(env, "WEIR_SIDECAR_LOAD_FAILED", "out of memory");
	}
	return object;
}

/* Room for records in a caller's Uint8Array. */
static bool take_room(napi_env env, napi_value value, size_t least, struct conntrack_record **into, size_t *room)
{
	uint8_t *bytes;
	size_t length;

	if (!take_bytes(env, value, least * sizeof(struct conntrack_record), &bytes, &length))
		return false;
	*into = (struct conntrack_record *)bytes;
	*room = length / sizeof(struct conntrack_record);
	return true;
}

static napi_value make_part(napi_env env, long records, const char *name, bool flag)
{
	napi_value result, value;

	napi_create_object(env, &result);
	set_number(env, result, "records", (double)records);
	napi_get_boolean(env, flag, &value);
	napi_set_named_property(env, result, name, value);
	return result;
}

/* conntrackRead(handle, into) -> {records, more} */
static napi_value addon_read_events(napi_env env, napi_callback_info info)
{
	struct conntrack_record *into;
	struct conntrack *conntrack;
	napi_value arguments[2];
	size_t room;
	bool more;
	long records;

	if (!take_arguments(env, info, 2, arguments) || !take_open_conntrack(env, arguments[0], &conntrack) ||
	    !take_room(env, arguments[1], CONNTRACK_DATAGRAMS, &into, &room))
		return NULL;
	records = conntrack_read(conntrack, into, room, &more);
	return records < 0 ? throw_step(env, "read connection tracking events", records)
			   : make_part(env, records, "more", more);
}

/* conntrackDump(handle, into) -> {records, done} */
static napi_value addon_dump(napi_env env, napi_callback_info info)
{
	struct conntrack_record *into;
	struct conntrack *conntrack;
	napi_value arguments[2];
	size_t room;
	bool done;
	long records;

	if (!take_arguments(env, info, 2, arguments) || !take_open_conntrack(env, arguments[0], &conntrack) ||
	    !take_room(env, arguments[1], CONNTRACK_RECORDS_MIN, &into, &room))
		return NULL;
	records = conntrack_dump(conntrack, into, room, &done);
	return records < 0 ? throw_step(env, "list tracked connections", records)
			   : make_part(env, records, "done", done);
}

/* conntrackClose(handle); again: nothing. */
static napi_value addon_close(napi_env env, napi_callback_info info)
{
	struct conntrack *conntrack;
	napi_value argument;

	if (take_arguments(env, info, 1, &argument) && take_conntrack(env, argument, &conntrack))
		conntrack_close(conntrack);
	return NULL;
}

/* conntrackNatChains() -> boolean */
static napi_value addon_nat_chains(napi_env env, napi_callback_info info)
{
	int found = conntrack_nat_chains();
	napi_value value;

	(void)info;
	if (found < 0)
		return throw_step(env, "list chains of nf_tables", found);
	napi_get_boolean(env, found, &value);
	return value;
}

/* conntrackParse(bytes, into) -> {records, malformed, error, done}: what reading makes of a datagram, for its tests. */
static napi_value addon_parse(napi_env env, napi_callback_info info)
{
	struct conntrack_parsed parsed;
	struct conntrack_record *into;
	napi_value arguments[2], result;
	size_t length, room;
	uint8_t *bytes;

	if (!take_arguments(env, info, 2, arguments) || !take_bytes(env, arguments[0], 1, &bytes, &length) ||
	    !take_room(env, arguments[1], 1, &into, &room))
		return NULL;
	conntrack_parse(bytes, length, into, room, &parsed);
	result = make_part(env, (long)parsed.records, "done", parsed.done);
	set_number(env, result, "malformed", (double)parsed.malformed);
	set_number(env, result, "error", parsed.error);
	return result;
}

bool conntrack_exports(napi_env env, napi_value exports)
{
	const napi_property_descriptor functions[] = {
		{ "conntrackOpen", NULL, addon_open, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "conntrackRead", NULL, addon_read_events, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "conntrackDump", NULL, addon_dump, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "conntrackClose", NULL, addon_close, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "conntrackNatChains", NULL, addon_nat_chains, NULL, NULL, NULL, napi_enumerable, NULL },
		{ "conntrackParse", NULL, addon_parse, NULL, NULL, NULL, napi_enumerable, NULL },
	};

	return napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions) == napi_ok;
}
