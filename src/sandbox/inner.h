/*
 * inner.h - what the launcher's child does to itself before it becomes writ-init: everything here
 * runs after clone3, in the task's own namespaces, in a copy of the launcher's memory.
 *
 * Each step returns WRIT_OK or fills `fail` (what was attempted; errno as it was) and the child
 * reports it and ends. Nothing here is undone on failure: the namespaces die with the process.
 */
#ifndef WRIT_SANDBOX_INNER_H
#define WRIT_SANDBOX_INNER_H

#include "sandbox/sandbox.h"

enum {
    WRIT_INNER_ID = 1000,      /* the task's uid and gid, as it sees them */
    WRIT_INNER_CONTROL_FD = 3, /* where writ-init finds its descriptors */
    WRIT_INNER_PUT_FD = 4,     /* the root's file system, writable; closed at go */
    WRIT_INNER_FIRST_FREE = 5,
};

#define WRIT_INNER_HOME "/home/task"

/* One bind of the profile, opened and checked by the launcher. */
struct writ_inner_bind {
    const char *host;
    const char *inside;
    bool write;
    bool dir;
    int fd;       /* O_PATH of the host's file; -1 where tree is used */
    int tree;     /* a detached, id-mapped mount ready to be moved in; -1 otherwise */
    uint64_t dev; /* of the host's file, to compare with what the child finds */
    uint64_t ino;
};

struct writ_inner_plan {
    const struct writ_sandbox_spec *spec;
    struct writ_inner_bind *binds; /* parents before what is nested in them */
    size_t bind_count;
    int control;
    int init;         /* the opened writ-init */
    int cgroup_v1;    /* a cgroup.procs file to join late, -1 for none */
    char console[64]; /* the name of the program's terminal, "" if it has none */
    uint64_t disk_bytes;
    uint32_t pids;
    bool data_limit;  /* memory_bytes can only be kept per process, by RLIMIT_DATA */
    int landlock_abi; /* 0: none */
};

struct writ_inner_fail {
    const char *what; /* static text, or names */
    const char *name; /* which, or NULL */
};

/* Network: a namespace, loopback, AnyIP routes, no echo, the sockets. `proc` is a proc mount of
 * this pid namespace. Sends WRIT_WIRE_LISTENERS. */
enum writ_err writ_inner_net(const struct writ_inner_plan *plan, int proc,
                             struct writ_inner_fail *fail) WRIT_CHECK;
/* A detached proc of this pid namespace, made here or, through control (-1: do not ask), by the
 * launcher; *ret is -1 where there can be none: the task then has an empty /proc. */
enum writ_err writ_inner_proc_new(int control, int *ret, struct writ_inner_fail *fail) WRIT_CHECK;
/* The mount alone: -1 with errno. */
int writ_inner_proc_mount(void);
/* Covers everything in /proc that is not about a process and not on the short list. */
enum writ_err writ_inner_proc_mask(int root, struct writ_inner_fail *fail) WRIT_CHECK;
/* The whole root; the process stands in it afterwards. *ret_put can still write to it. */
enum writ_err writ_inner_root(const struct writ_inner_plan *plan, int proc, int *ret_put,
                              struct writ_inner_fail *fail) WRIT_CHECK;

/* Mount helpers shared by root.c and proc.c. The new root is put together at WRIT_INNER_STAGE, a
 * directory every host has and the task's root needs nothing from (its own proc was made before).
 * It is covered in our mount namespace only. */
#define WRIT_INNER_STAGE "/proc"

enum writ_inner_attr {
    WRIT_ATTR_RO = 1,
    WRIT_ATTR_DEV = 2, /* device nodes work here */
    WRIT_ATTR_NOEXEC = 4,
};

/* Mounts what is at `from`, with all below it, at WRIT_INNER_STAGE "/" `to`, narrowed. By path and
 * with mount(2): open_tree makes a namespace for each mount it copies, which takes four times as
 * long, and all of these paths are ours. */
bool writ_inner_bind(const char *from, const char *to, unsigned attr) WRIT_CHECK;
/* The same with `from` below the stage too. */
bool writ_inner_bind_staged(const char *from, const char *to, unsigned attr) WRIT_CHECK;
bool writ_inner_attach(int tree, int dirfd, const char *path) WRIT_CHECK;

/* Drops every capability for good, sets no_new_privs and the parent-death signal. */
enum writ_err writ_inner_drop(struct writ_inner_fail *fail) WRIT_CHECK;

/* The child's whole life up to execveat of writ-init; the return value is its exit code. */
int writ_inner_main(const struct writ_inner_plan *plan);

#endif
