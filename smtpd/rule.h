/* SPDX-License-Identifier: ISC */
/* rule.h: why something is refused; rules.def says what becomes of it. */
#ifndef SMTPD_RULE_H
#define SMTPD_RULE_H

enum rule {
	RULE_NONE,
#define RULE(constant, name, reply, enhanced, kind, journal, text)             \
	RULE_##constant,
#include "rules.def"
#undef RULE
	RULES
};

#endif
