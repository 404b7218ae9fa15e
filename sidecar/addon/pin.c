/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture that outlives its process: links, programs and maps are pinned in a folder on a bpffs, so the kernel goes on
 * recording into the ring, and the next process adopts all of it by path and goes on reading where the last one released.
 *
 *   FOLDER/live/...   a whole set        FOLDER/new/...   a set being made, renamed when it is whole
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "pin.h"

enum { PIN_PATH_BYTES = CGROUP_PATH_BYTES + 64 };

static const char *const program_names[OBJECTS] = { "program_flow", "program_transitions", "program_walk" };
static const char *const link_names[OBJECTS] = { "link_flow", "link_transitions", "link_walk" };
static const char *const map_names[MAPS] = { "counters", "ring", "connections", "baselines" };
static const char journal_name[] = "journal";

static int pin_call(int command, const char *folder, const char *set, const char *name, int fd)
{
	char path[PIN_PATH_BYTES];
	union bpf_attr attr;
	int result;

	snprintf(path, sizeof(path), "%s/%s/%s", folder, set, name);
	memset(&attr, 0, sizeof(attr));
	attr.pathname = (__u64)(unsigned long)path;
	attr.bpf_fd = (__u32)fd;
	result = (int)syscall(__NR_bpf, command, &attr, sizeof(attr));
	return result < 0 ? -errno : result;
}

static int put(const char *folder, const char *name, int fd)
{
	return pin_call(BPF_OBJ_PIN, folder, "new", name, fd);
}

static int get(const char *folder, const char *name)
{
	return pin_call(BPF_OBJ_GET, folder, "live", name, 0);
}

int pin_lock(const char *folder)
{
	int fd;

	if (mkdir(folder, 0700) && errno != EEXIST)
		return -errno;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	close(fd);
	return -EWOULDBLOCK;
}

bool pin_exists(const char *folder)
{
	char path[PIN_PATH_BYTES];

	snprintf(path, sizeof(path), "%s/live", folder);
	return access(path, F_OK) == 0;
}

static void remove_set(const char *folder, const char *set)
{
	char path[PIN_PATH_BYTES];
	struct dirent *entry;
	DIR *directory;

	snprintf(path, sizeof(path), "%s/%s", folder, set);
	directory = opendir(path);
	if (!directory)
		return;
	while ((entry = readdir(directory)))
		unlinkat(dirfd(directory), entry->d_name, 0); /* "." and ".." refuse */
	closedir(directory);
	rmdir(path);
}

void pin_remove(const char *folder)
{
	remove_set(folder, "new");
	remove_set(folder, "live");
}

/* The first program's first: without it the capture has ended, whatever else is there. */
void pin_remove_links(const char *folder)
{
	char path[PIN_PATH_BYTES];

	for (int i = 0; i < OBJECTS; i++) {
		snprintf(path, sizeof(path), "%s/live/%s", folder, link_names[i]);
		unlink(path);
	}
}

int pin_give_up(const char *folder)
{
	int fd = pin_lock(folder);

	if (fd < 0)
		return fd;
	pin_remove(folder);
	rmdir(folder);
	close(fd);
	return 0;
}

int pin_all(const struct capture *capture, const char *folder)
{
	char fresh[PIN_PATH_BYTES], live[PIN_PATH_BYTES];
	int err;

	pin_remove(folder);
	snprintf(fresh, sizeof(fresh), "%s/new", folder);
	snprintf(live, sizeof(live), "%s/live", folder);
	err = mkdir(fresh, 0700) ? -errno : put(folder, journal_name, capture->journal_fd);
	for (int i = 0; i < MAPS && !err; i++)
		err = put(folder, map_names[i], capture->object[OBJECT_FLOW].map_fd[i]);
	for (int i = 0; i < OBJECTS && !err; i++) {
		if (!capture->object[i].prog_fd)
			continue;
		err = put(folder, program_names[i], capture->object[i].prog_fd);
		if (!err)
			err = put(folder, link_names[i], capture->object[i].link_fd);
	}
	if (!err && rename(fresh, live))
		err = -errno;
	if (err)
		pin_remove(folder);
	return err;
}

static int adopt_object(struct object *object, const char *folder, int which)
{
	int prog_fd = get(folder, program_names[which]), link_fd;

	if (prog_fd < 0)
		return prog_fd;
	link_fd = get(folder, link_names[which]);
	if (link_fd < 0) {
		close(prog_fd);
		return link_fd;
	}
	object->prog_fd = prog_fd;
	object->link_fd = link_fd;
	return 0;
}

int pin_adopt(struct capture *capture, const char *folder)
{
	struct object *core = &capture->object[OBJECT_FLOW];

	capture->journal_fd = get(folder, journal_name);
	if (capture->journal_fd < 0) {
		int err = capture->journal_fd;

		capture->journal_fd = 0;
		return err;
	}
	for (int i = 0; i < MAPS; i++) {
		int fd = get(folder, map_names[i]);

		if (fd < 0)
			return fd;
		core->map_fd[i] = fd;
	}
	for (int i = 0; i < OBJECTS; i++) {
		int err = adopt_object(&capture->object[i], folder, i);

		if (err == -ENOENT && i == OBJECT_FLOW)
			capture->ended = true;
		else if (err && i == OBJECT_FLOW)
			return err;
		if (!err)
			continue;
		capture->failure[i].error = -err;
		snprintf(capture->failure[i].step, STEP_BYTES, "adopt %s", object_name(i));
	}
	return 0;
}
