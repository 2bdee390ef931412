/* SPDX-License-Identifier: ISC */
/* sandbox_enter.h: the whole sandbox at once, as prog_sandbox() does it. */
#ifndef TESTS_SANDBOX_ENTER_H
#define TESTS_SANDBOX_ENTER_H

#include "sandbox.h"

static enum outcome
sandbox_enter(enum sandbox_mode mode, const char *text,
    const struct sandbox_path *paths, struct fault *f)
{
	if (sandbox_paths(mode, paths, f) != OK ||
	    sandbox_prepare(mode, text, f) != OK)
		return f->outcome;
	return sandbox_close(f);
}

#endif
