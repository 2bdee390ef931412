/* SPDX-License-Identifier: ISC */
/*
 * sandbox_landlock.h: between sandbox.c (promises, and what both halves need)
 * and sandbox_landlock.c (paths). Nobody else's.
 */
#ifndef LIB_SANDBOX_LANDLOCK_H
#define LIB_SANDBOX_LANDLOCK_H

#include "sandbox.h"

/* ASan, MSan and TSan look into /proc and, at the end, trace themselves. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) ||     \
    __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* The kernel's version of Landlock; 0: none, or switched off. */
int landlock_version(void);
/*
 * Can this version keep these paths? Without REFER (version 1) no link between
 * directories is ever allowed, and every delivery would be a copy: such a
 * kernel counts as one without.
 */
bool landlock_is_usable(int version, const struct sandbox_path *);
/* Everything but these paths, TCP and the world outside is closed for life. */
enum outcome landlock_enter(
    int version, const struct sandbox_path *, struct fault *) MUST_USE;

#endif
