/* SPDX-License-Identifier: Apache-2.0 */
/* One step of the walk on libuv's thread pool: the loop stays free however many files a machine has open. */
#include <errno.h>
#include <stdlib.h>
#include "report.h"

enum { STEP_RECORDS_MAX = 1 << 20 };

struct report {
	napi_async_work work;
	napi_deferred deferred;
	napi_ref keep; /* the handle lives as long as the step */
	struct handle *handle;
	size_t records;
	size_t written;
	bool done;
	int error;
};

static void report_execute(napi_env env, void *data)
{
	struct report *report = data;

	(void)env;
	report->error = walk_step(report->handle->capture, report->records, &report->written, &report->done);
}

static void report_settle(napi_env env, struct report *report)
{
	struct failure failure = { .error = -report->error, .step = "walk open sockets" };
	napi_value result, done;

	if (report->error) {
		napi_reject_deferred(env, report->deferred, make_failure(env, &failure));
		return;
	}
	napi_create_object(env, &result);
	set_number(env, result, "written", (double)report->written);
	napi_get_boolean(env, report->done, &done);
	napi_set_named_property(env, result, "done", done);
	napi_resolve_deferred(env, report->deferred, result);
}

static void report_complete(napi_env env, napi_status status, void *data)
{
	struct report *report = data;
	struct handle *handle = report->handle;

	handle->walking = false;
	if (handle->closing) {
		capture_close(handle->capture);
		handle->capture = NULL;
	}
	if (status != napi_ok)
		report->error = -ECANCELED;
	report_settle(env, report);
	napi_delete_reference(env, report->keep);
	napi_delete_async_work(env, report->work);
	free(report);
}

static bool report_queue(napi_env env, struct report *report, napi_value handle, napi_value *promise)
{
	napi_value name;

	return napi_create_string_utf8(env, "weir:reportOpen", NAPI_AUTO_LENGTH, &name) == napi_ok &&
	       napi_create_promise(env, &report->deferred, promise) == napi_ok &&
	       napi_create_reference(env, handle, 1, &report->keep) == napi_ok &&
	       napi_create_async_work(env, NULL, name, report_execute, report_complete, report, &report->work) ==
		       napi_ok &&
	       napi_queue_async_work(env, report->work) == napi_ok;
}

napi_value report_open(napi_env env, napi_callback_info info)
{
	napi_value arguments[2], promise;
	struct report *report;
	struct handle *handle;
	uint64_t records;

	if (!take_arguments(env, info, 2, arguments) || !take_open_handle(env, arguments[0], &handle) ||
	    !take_integer(env, arguments[1], "records", STEP_RECORDS_MAX, &records))
		return NULL;
	if (records == 0 || handle->walking) {
		throw_argument(env, records ? "handle: a walk is under way" : "records: at least one is needed");
		return NULL;
	}
	if (!handle->capture->object[OBJECT_WALK].link_fd && handle->capture->object[OBJECT_WALK].prog_fd) {
		throw_argument(env, "handle: the capture was detached");
		return NULL;
	}
	if (!handle->capture->object[OBJECT_WALK].prog_fd) {
		throw_failure(env, &handle->capture->failure[OBJECT_WALK]);
		return NULL;
	}
	report = calloc(1, sizeof(*report));
	if (report) {
		report->handle = handle;
		report->records = records;
		if (report_queue(env, report, arguments[0], &promise)) {
			handle->walking = true;
			return promise;
		}
		free(report);
	}
	napi_throw_error(env, "WEIR_SIDECAR_LOAD_FAILED", "the walk could not be queued");
	return NULL;
}
