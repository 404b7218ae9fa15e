/* SPDX-License-Identifier: Apache-2.0 */
#ifndef WEIR_RESIDENT_H
#define WEIR_RESIDENT_H

/*
 * Give back what starting has left behind: free memory of malloc, and pages of program text and constants. Those are
 * clean and the file's, so the kernel maps them again, a few microseconds each, when they are used again; what is only
 * used once at the start (a third of a Node) no longer counts as resident. Takes some 2 ms.
 */
void resident_trim(void);

#endif
