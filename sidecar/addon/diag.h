/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_DIAG_H
#define WEIR_DIAG_H

#include <stddef.h>
#include <stdint.h>

/*
 * The kernel's answer to "which TCP sockets listen here", IPv4 then IPv6: netlink messages as they came. It walks the
 * table of listeners alone, where /proc/net/tcp walks that of all connections. `namespace_file` names the network
 * namespace (whose inode must be the given one, or -ESTALE), empty: this process's own. Another one needs CAP_SYS_ADMIN
 * there, and is entered by a thread made for it alone. Blocks for 0.1 ms or so. *bytes is the caller's to free. 0 or
 * -errno: -ENOENT when there is no such file, -EPROTONOSUPPORT when the kernel has no such list (no tcp_diag).
 */
int diag_listeners(const char *namespace_file, uint64_t inode, uint8_t **bytes, size_t *length);

#endif
