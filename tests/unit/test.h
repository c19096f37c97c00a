/*
 * test.h - the whole test harness: CHECK counts, test_end prints "N passed, N failed".
 *
 * Each test program is one file: it includes this header and main returns test_end().
 */
#ifndef WRIT_TESTS_TEST_H
#define WRIT_TESTS_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static unsigned test_passed;
static unsigned test_failed;

static inline bool
test_check(bool ok, const char *what, const char *file, int line)
{
    if (ok) {
        test_passed++;
    } else {
        test_failed++;
        (void)fprintf(stderr, "%s:%d: failed: %s\n", file, line, what);
    }
    return ok;
}

#define CHECK(cond) test_check((cond), #cond, __FILE__, __LINE__)
/* For loops over tables: names the row that failed. */
#define CHECK_ROW(cond, row) test_check((cond), row, __FILE__, __LINE__)

static inline int
test_end(void)
{
    (void)printf("%u passed, %u failed\n", test_passed, test_failed);
    return test_failed == 0 && test_passed != 0 ? 0 : 1;
}

#endif
