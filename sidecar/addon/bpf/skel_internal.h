/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What bpftool's light skeletons (bpf/generated) call to load themselves: this stands in for libbpf's header of the same
 * name, so that a build needs a C compiler and the kernel's uapi headers only. A skeleton carries a loader, itself a BPF
 * program, which makes the maps, relocates the programs against the running kernel's BTF and loads them; here that loader
 * is loaded and run. The struct layouts are the loader's interface as bpftool 7.1 generates it.
 *
 * Own addition: a map descriptor whose map_fd is set before the load is given to the programs in place of a new map.
 * That is how optional objects share the core's maps (docs/adr/0003-optional-programs.md).
 */
#ifndef WEIR_SKEL_INTERNAL_H
#define WEIR_SKEL_INTERNAL_H

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/syscall.h>

struct bpf_map_desc {
	int map_fd;                  /* before: a map to use instead, or 0; after: the map */
	__u32 max_entries;           /* before: 0 keeps the source's */
	__aligned_u64 initial_value; /* of a data section */
};
struct bpf_prog_desc {
	int prog_fd;
};
struct bpf_loader_ctx {
	__u32 sz;
	__u32 flags;
	__u32 log_level;
	__u32 log_size;
	__u64 log_buf;
	/* then struct bpf_map_desc[], struct bpf_prog_desc[] */
};
struct bpf_load_and_run_opts {
	struct bpf_loader_ctx *ctx;
	const void *data;
	const void *insns;
	__u32 data_sz;
	__u32 insns_sz;
	const char *errstr;
};

enum { SKEL_MAPS_MAX = 16, SKEL_HELPER_SYS_BPF = 166 };

static inline int skel_bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(__NR_bpf, command, attr, sizeof(*attr));
}

static inline void *skel_alloc(size_t size)
{
	return calloc(1, size);
}

static inline void skel_free(void *pointer)
{
	free(pointer);
}

static inline void skel_closenz(int fd)
{
	if (fd > 0)
		close(fd);
}

/* A data section before the load: ordinary memory, which the loader copies into the map. */
static inline void *skel_prep_map_data(const void *value, size_t map_size, size_t value_size)
{
	void *memory = mmap(NULL, map_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memcpy(memory, value, value_size);
}

/* The same after the load: the map itself at the same address. */
static inline void *skel_finalize_map_data(__u64 *address, size_t size, int protection, int fd)
{
	void *memory = mmap((void *)(unsigned long)*address, size, protection, MAP_SHARED | MAP_FIXED, fd, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static inline void skel_free_map_data(void *memory, __u64 address, size_t size)
{
	(void)address;
	if (memory)
		munmap(memory, size);
}

static inline int skel_raw_tracepoint_open(const char *name, int prog_fd)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.raw_tracepoint.name = (__u64)(unsigned long)name;
	attr.raw_tracepoint.prog_fd = (__u32)prog_fd;
	return skel_bpf(BPF_RAW_TRACEPOINT_OPEN, &attr);
}

static inline int skel_link_create(int prog_fd, int target_fd, enum bpf_attach_type type)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (__u32)prog_fd;
	attr.link_create.target_fd = (__u32)target_fd;
	attr.link_create.attach_type = type;
	return skel_bpf(BPF_LINK_CREATE, &attr);
}

/* Id of a map, 0 when the descriptor is not a map's. */
static inline __u32 skel_map_id(int fd)
{
	struct bpf_map_info info;
	union bpf_attr attr;

	memset(&info, 0, sizeof(info));
	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (__u32)fd;
	attr.info.info_len = sizeof(info);
	attr.info.info = (__u64)(unsigned long)&info;
	return skel_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) ? 0 : info.id;
}

/* Maps to use instead of new ones: the descriptors that the loader will own, and the ids to know them again. */
struct skel_given {
	int fd[SKEL_MAPS_MAX];
	__u32 id[SKEL_MAPS_MAX];
	int count;
};

/* Duplicates, because the loader closes what it holds when it fails. The number of descriptors is in ctx->sz. */
static inline int skel_take_given(struct bpf_loader_ctx *ctx, struct skel_given *given, int maps)
{
	struct bpf_map_desc *map = (struct bpf_map_desc *)(ctx + 1);

	memset(given, 0, sizeof(*given));
	given->count = maps;
	for (int i = 0; i < maps; i++) {
		if (map[i].map_fd <= 0)
			continue;
		given->id[i] = skel_map_id(map[i].map_fd);
		given->fd[i] = fcntl(map[i].map_fd, F_DUPFD_CLOEXEC, 3);
		map[i].map_fd = 0;
		if (given->fd[i] < 0)
			return -errno;
	}
	return 0;
}

/* After a failure: what the loader did not come to close. The id tells a number that another thread has reused. */
static inline void skel_drop_given(struct skel_given *given)
{
	for (int i = 0; i < given->count; i++)
		if (given->fd[i] > 0 && skel_map_id(given->fd[i]) == given->id[i])
			close(given->fd[i]);
}

/*
 * The loader makes its maps in the order of their descriptors, each by a call of sys_bpf with the command in r1. Where a
 * map is given, the call becomes "r0 = its descriptor". Returns how many map calls there were.
 */
static inline int skel_substitute(struct bpf_insn *insn, size_t count, const struct skel_given *given)
{
	int command = -1, maps = 0;

	for (size_t i = 0; i < count; i++) {
		if (insn[i].code == (BPF_LD | BPF_DW | BPF_IMM)) {
			i++; /* two slots */
		} else if (insn[i].code == (BPF_ALU64 | BPF_MOV | BPF_K) && insn[i].dst_reg == BPF_REG_1) {
			command = insn[i].imm;
		} else if (insn[i].code == (BPF_JMP | BPF_CALL) && insn[i].imm == SKEL_HELPER_SYS_BPF) {
			if (command == BPF_MAP_CREATE && maps < given->count && given->fd[maps] > 0) {
				memset(&insn[i], 0, sizeof(insn[i]));
				insn[i].code = BPF_ALU64 | BPF_MOV | BPF_K;
				insn[i].dst_reg = BPF_REG_0;
				insn[i].imm = given->fd[maps];
			}
			maps += command == BPF_MAP_CREATE;
			command = -1;
		}
	}
	return maps;
}

static inline int skel_loader_map(const struct bpf_load_and_run_opts *opts)
{
	union bpf_attr attr;
	int key = 0, fd;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = sizeof(key);
	attr.value_size = opts->data_sz;
	attr.max_entries = 1;
	fd = skel_bpf(BPF_MAP_CREATE, &attr);
	if (fd < 0)
		return -errno;
	memset(&attr, 0, sizeof(attr));
	attr.map_fd = (__u32)fd;
	attr.key = (__u64)(unsigned long)&key;
	attr.value = (__u64)(unsigned long)opts->data;
	if (skel_bpf(BPF_MAP_UPDATE_ELEM, &attr) == 0)
		return fd;
	key = -errno;
	close(fd);
	return key;
}

static inline int skel_loader_program(const struct bpf_load_and_run_opts *opts, const struct bpf_insn *insn, int map_fd)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_SYSCALL;
	attr.insns = (__u64)(unsigned long)insn;
	attr.insn_cnt = opts->insns_sz / sizeof(*insn);
	attr.license = (__u64)(unsigned long)"Dual BSD/GPL";
	attr.fd_array = (__u64)(unsigned long)&map_fd;
	attr.prog_flags = BPF_F_SLEEPABLE;
	attr.log_level = opts->ctx->log_level;
	attr.log_size = opts->ctx->log_size;
	attr.log_buf = opts->ctx->log_buf;
	fd = skel_bpf(BPF_PROG_LOAD, &attr);
	return fd < 0 ? -errno : fd;
}

static inline int skel_run_loader(struct bpf_load_and_run_opts *opts, const struct bpf_insn *insn)
{
	union bpf_attr attr;
	int map_fd, prog_fd, err = 0;

	opts->errstr = "loader data";
	map_fd = skel_loader_map(opts);
	if (map_fd < 0)
		return map_fd;
	opts->errstr = "loader program";
	prog_fd = skel_loader_program(opts, insn, map_fd);
	if (prog_fd < 0) {
		close(map_fd);
		return prog_fd;
	}
	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = (__u32)prog_fd;
	attr.test.ctx_in = (__u64)(unsigned long)opts->ctx;
	attr.test.ctx_size_in = opts->ctx->sz;
	opts->errstr = "loader run";
	if (skel_bpf(BPF_PROG_RUN, &attr) < 0)
		err = -errno;
	else if ((int)attr.test.retval < 0)
		err = (int)attr.test.retval;
	close(map_fd);
	close(prog_fd);
	return err;
}

static inline int bpf_load_and_run(struct bpf_load_and_run_opts *opts)
{
	struct skel_given given;
	struct bpf_insn *insn = malloc(opts->insns_sz);
	int err, maps;

	if (!insn)
		return -ENOMEM;
	memcpy(insn, opts->insns, opts->insns_sz);
	memset(&given, 0, sizeof(given));
	maps = skel_substitute(insn, opts->insns_sz / sizeof(*insn), &given);
	err = maps > SKEL_MAPS_MAX ? -E2BIG : skel_take_given(opts->ctx, &given, maps);
	if (!err) {
		skel_substitute(insn, opts->insns_sz / sizeof(*insn), &given);
		err = skel_run_loader(opts, insn);
	}
	if (err)
		skel_drop_given(&given);
	free(insn);
	return err;
}

#endif
