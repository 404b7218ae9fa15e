/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_CONNTRACK_NAPI_H
#define WEIR_CONNTRACK_NAPI_H

#include <stdbool.h>
#define NAPI_VERSION 8
#include <node_api.h>

/* Adds the functions of ConntrackAddon (sidecar/conntrack/native-conntrack.ts) to the exports. */
bool conntrack_exports(napi_env env, napi_value exports);

#endif
