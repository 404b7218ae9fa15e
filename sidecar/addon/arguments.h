/* SPDX-License-Identifier: Apache-2.0 */
/* Checked arguments and thrown errors. Every getter returns false after it has thrown. */
#ifndef WEIR_ARGUMENTS_H
#define WEIR_ARGUMENTS_H

#define NAPI_VERSION 8
#include <node_api.h>
#include "capture.h"

enum { ARGUMENTS_MAX = 2 };

/* What a handle object wraps. `capture` is NULL once unloaded. */
struct handle {
	struct capture *capture;
	bool walking;   /* a walk_step is on a worker thread */
	bool closing;   /* unload when it comes back */
};

void throw_argument(napi_env env, const char *message);
void throw_failure(napi_env env, const struct failure *failure);
/* The error object itself, for a promise to be rejected with. */
napi_value make_failure(napi_env env, const struct failure *failure);

bool take_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values);
bool take_string(napi_env env, napi_value object, const char *name, char *into, size_t room);
/* null becomes the empty string. */
bool take_optional_string(napi_env env, napi_value object, const char *name, char *into, size_t room);
bool take_u32(napi_env env, napi_value object, const char *name, uint32_t low, uint32_t high, uint32_t *into);
bool take_integer(napi_env env, napi_value value, const char *name, uint64_t high, uint64_t *into);
bool take_bytes(napi_env env, napi_value value, size_t least, uint8_t **into, size_t *length);
/* The handle, whether unloaded or not. */
bool take_handle(napi_env env, napi_value value, struct handle **handle);
/* The handle of a capture that is loaded. */
bool take_open_handle(napi_env env, napi_value value, struct handle **handle);

napi_value make_handle(napi_env env, struct capture *capture);
napi_value make_number(napi_env env, double value);
void set_number(napi_env env, napi_value object, const char *name, double value);

#endif
