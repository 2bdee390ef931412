/* SPDX-License-Identifier: ISC */
/* commands.h: one function a command; the table of them is the index. */
#ifndef SMTPD_COMMANDS_H
#define SMTPD_COMMANDS_H

#include "state.h"

/* Carry out the line in hand, and answer it. */
void commands_run(struct session *);

#endif
