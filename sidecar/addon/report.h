/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_REPORT_H
#define WEIR_REPORT_H

#include "arguments.h"

/* reportOpen(handle, records) -> Promise<{written, done}>: one step of the walk, on a worker thread. */
napi_value report_open(napi_env env, napi_callback_info info);

#endif
