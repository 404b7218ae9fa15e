/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arguments.h"

/* Tells our handles from any other wrapped object. */
static const napi_type_tag handle_tag = { 0x77656972666c6f77ULL, 0x6361707475726501ULL };

void throw_argument(napi_env env, const char *message)
{
	napi_throw_type_error(env, "WEIR_SIDECAR_ADDON_ARGUMENT", message);
}

static void throw_named(napi_env env, const char *name, const char *what)
{
	char message[128];

	snprintf(message, sizeof(message), "%s: %s", name, what);
	throw_argument(env, message);
}

static void set_string(napi_env env, napi_value object, const char *name, const char *value)
{
	napi_value text;

	if (napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &text) == napi_ok)
		napi_set_named_property(env, object, name, text);
}

napi_value make_number(napi_env env, double value)
{
	napi_value number = NULL;

	napi_create_double(env, value, &number);
	return number;
}

void set_number(napi_env env, napi_value object, const char *name, double value)
{
	napi_set_named_property(env, object, name, make_number(env, value));
}

napi_value make_failure(napi_env env, const struct failure *failure)
{
	napi_value code, message, error = NULL;
	char text[STEP_BYTES + 128];

	snprintf(text, sizeof(text), "%s: %s", failure->step, strerror(failure->error));
	napi_create_string_utf8(env, "WEIR_SIDECAR_LOAD_FAILED", NAPI_AUTO_LENGTH, &code);
	napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message);
	napi_create_error(env, code, message, &error);
	set_number(env, error, "errno", failure->error);
	set_string(env, error, "step", failure->step);
	set_string(env, error, "log", failure->log);
	return error;
}

void throw_failure(napi_env env, const struct failure *failure)
{
	napi_throw(env, make_failure(env, failure));
}

bool take_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values)
{
	size_t given = count;

	if (napi_get_cb_info(env, info, &given, values, NULL, NULL) == napi_ok && given == count)
		return true;
	throw_argument(env, "wrong number of arguments");
	return false;
}

static bool take_property(napi_env env, napi_value object, const char *name, napi_value *value)
{
	napi_valuetype type;

	if (napi_typeof(env, object, &type) == napi_ok && type == napi_object &&
	    napi_get_named_property(env, object, name, value) == napi_ok)
		return true;
	throw_named(env, name, "the options are not an object");
	return false;
}

bool take_string(napi_env env, napi_value object, const char *name, char *into, size_t room)
{
	napi_value value;
	size_t length;

	if (!take_property(env, object, name, &value))
		return false;
	if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok || length == 0 || length >= room) {
		throw_named(env, name, "a non-empty string of fewer bytes than the limit is needed");
		return false;
	}
	napi_get_value_string_utf8(env, value, into, room, &length);
	if (strlen(into) == length)
		return true;
	throw_named(env, name, "a zero byte is not allowed");
	return false;
}

bool take_optional_string(napi_env env, napi_value object, const char *name, char *into, size_t room)
{
	napi_valuetype type;
	napi_value value;

	if (!take_property(env, object, name, &value))
		return false;
	if (napi_typeof(env, value, &type) == napi_ok && type == napi_null) {
		into[0] = 0;
		return true;
	}
	return take_string(env, object, name, into, room);
}

bool take_integer(napi_env env, napi_value value, const char *name, uint64_t high, uint64_t *into)
{
	double number;

	if (napi_get_value_double(env, value, &number) == napi_ok && number >= 0 && number <= (double)high) {
		*into = (uint64_t)number;
		if ((double)*into == number)
			return true;
	}
	throw_named(env, name, "a whole number in its range is needed");
	return false;
}

bool take_u32(napi_env env, napi_value object, const char *name, uint32_t low, uint32_t high, uint32_t *into)
{
	napi_value value;
	uint64_t number;

	if (!take_property(env, object, name, &value) || !take_integer(env, value, name, high, &number))
		return false;
	if (number < low) {
		throw_named(env, name, "the number is below its range");
		return false;
	}
	*into = (uint32_t)number;
	return true;
}

bool take_bytes(napi_env env, napi_value value, size_t least, uint8_t **into, size_t *length)
{
	napi_typedarray_type type;
	napi_value buffer;
	bool is = false;
	size_t offset;
	void *data;

	if (napi_is_typedarray(env, value, &is) != napi_ok || !is ||
	    napi_get_typedarray_info(env, value, &type, length, &data, &buffer, &offset) != napi_ok ||
	    type != napi_uint8_array) {
		throw_argument(env, "buffer: a Uint8Array is needed");
		return false;
	}
	if (*length < least || !data) {
		throw_argument(env, "buffer: fewer bytes than are needed");
		return false;
	}
	*into = data;
	return true;
}

static void finalize_handle(napi_env env, void *data, void *hint)
{
	struct handle *handle = data;

	(void)env;
	(void)hint;
	if (handle->capture)
		capture_close(handle->capture);
	free(handle);
}

napi_value make_handle(napi_env env, struct capture *capture)
{
	struct handle *handle = calloc(1, sizeof(*handle));
	napi_value object;

	if (handle && napi_create_object(env, &object) == napi_ok &&
	    napi_type_tag_object(env, object, &handle_tag) == napi_ok) {
		handle->capture = capture;
		if (napi_wrap(env, object, handle, finalize_handle, NULL, NULL) == napi_ok)
			return object;
	}
	free(handle);
	capture_close(capture);
	napi_throw_error(env, "WEIR_SIDECAR_LOAD_FAILED", "out of memory");
	return NULL;
}

bool take_handle(napi_env env, napi_value value, struct handle **handle)
{
	napi_valuetype type;
	bool ours = false;

	if (napi_typeof(env, value, &type) == napi_ok && type == napi_object &&
	    napi_check_object_type_tag(env, value, &handle_tag, &ours) == napi_ok && ours &&
	    napi_unwrap(env, value, (void **)handle) == napi_ok)
		return true;
	throw_argument(env, "handle: not a handle of this addon");
	return false;
}

bool take_open_handle(napi_env env, napi_value value, struct handle **handle)
{
	if (!take_handle(env, value, handle))
		return false;
	if ((*handle)->capture && !(*handle)->closing)
		return true;
	throw_argument(env, "handle: the capture was unloaded");
	return false;
}
