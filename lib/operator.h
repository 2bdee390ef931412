/* SPDX-License-Identifier: ISC */
/*
 * operator.h: who called a command, for the journal. It proves nothing: who may
 * run a command as the home's owner or root can say any name.
 */
#ifndef LIB_OPERATOR_H
#define LIB_OPERATOR_H

/*
 * Who called sudo; else who logged in on this terminal; else the real user's
 * name, or number. Printable, 1..OPERATOR_MAX octets. Before identity_drop() and the
 * sandbox: it reads the machine's lists of users.
 */
#define OPERATOR_MAX 64 /* octets. Chosen; login names have at most 32 */
const char *operator_name(void);

#endif
