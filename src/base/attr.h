/*
 * attr.h - the compiler extensions this project allows itself, in one place.
 */
#ifndef WRIT_BASE_ATTR_H
#define WRIT_BASE_ATTR_H

#include <stddef.h>

#define WRIT_CHECK              __attribute__((warn_unused_result))
#define WRIT_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define WRIT_CLEANUP(fn)        __attribute__((cleanup(fn)))
#define WRIT_NORETURN           __attribute__((noreturn))
/* For what a library looks up in us by name. */
#define WRIT_EXPORT __attribute__((visibility("default")))

/* For a large local that is filled before it is read: the compiler need not zero it first. */
#if defined(__has_attribute) && __has_attribute(uninitialized)
#    define WRIT_UNINIT __attribute__((uninitialized))
#else
#    define WRIT_UNINIT
#endif

#define WRIT_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Overflow-checked size arithmetic: false, and *ret untouched in meaning, if the sum does not fit.
 */
#define writ_add(a, b, ret) (!__builtin_add_overflow((a), (b), (ret)))
#define writ_mul(a, b, ret) (!__builtin_mul_overflow((a), (b), (ret)))

#endif
