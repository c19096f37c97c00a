/*
 * records.h - what the launcher tells the ledger about the task.
 */
#ifndef WRIT_WRIT_RECORDS_H
#define WRIT_WRIT_RECORDS_H

#include "ledger/record.h"
#include "profile/doc.h"
#include "sandbox/exec_notify.h"

/* Each builds one record in mem (WRIT_RECORD_BYTES_MAX bytes); the span borrows from it. */
enum writ_err record_task_start(const struct writ_doc *doc, struct writ_span encoded,
                                const char *missing, uint8_t *mem,
                                struct writ_span *ret) WRIT_CHECK;
/* wait_status as waitpid gives it, -1 if the task was ended before its program was; reason is NULL
 * if the program ended by itself. */
enum writ_err record_task_end(int wait_status, const char *reason, uint8_t *mem,
                              struct writ_span *ret) WRIT_CHECK;
/* digest may be NULL. */
enum writ_err record_program(const struct writ_exec_event *ev, const uint8_t *digest, uint8_t *mem,
                             struct writ_span *ret) WRIT_CHECK;
enum writ_err record_died(const char *process, uint8_t *mem, struct writ_span *ret) WRIT_CHECK;

#endif
