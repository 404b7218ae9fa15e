/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_PIN_H
#define WEIR_PIN_H

#include "capture.h"

/*
 * Take the folder for this process (it is made if need be; flock, so it ends with the process). Returns its descriptor or
 * -errno; -EWOULDBLOCK: another process has it.
 */
int pin_lock(const char *folder);
/* Is there a whole set of pins? */
bool pin_exists(const char *folder);
/* Pin everything, all or nothing. 0 or -errno. */
int pin_all(const struct capture *capture, const char *folder);
/*
 * Open what is pinned, into a capture that holds nothing yet. 0 or -errno. Without the link of its first program the capture
 * has ended: a process died after it had detached it, with a ring that is not read to its end.
 */
int pin_adopt(struct capture *capture, const char *folder);
/* For a folder that nobody captures into: lock it, remove the pins and the folder. 0 or -errno, as pin_lock. */
int pin_give_up(const char *folder);
/* The links alone: what is left is a ring to be read, and the journal beside it. */
void pin_remove_links(const char *folder);
/* Remove the pins, and what a process that died while pinning has left. */
void pin_remove(const char *folder);

#endif
