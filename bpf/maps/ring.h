/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef WEIR_MAPS_RING_H
#define WEIR_MAPS_RING_H

/*
 * ring: struct flow_record and struct listen_record, in the order in which room was reserved.
 * Inserts: track/emit.h, track/listen.h, track/report.h. Deletes: user space, by advancing the consumer position.
 * Full: a flow record is lost and counted (ring_full), a listen record too (listen_dropped); an interim record is put
 * off (interim_deferred), its counts are in the connection's next one.
 * Never wakes anybody: the reader has a timer, and a wakeup a record would cost four times the record.
 */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 * 1024 * 1024);
} ring SEC(".maps");

#endif
