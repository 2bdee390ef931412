/* SPDX-License-Identifier: ISC */
/* transfer.h: DATA and BDAT. RFC 5321 4.1.1.4, RFC 3030. */
#ifndef SMTPD_TRANSFER_H
#define SMTPD_TRANSFER_H

#include "state.h"

/* The commands: read the content, queue it or refuse it, and say so. */
void transfer_data(struct session *, struct span args);
void transfer_bdat(struct session *, struct span args);

#endif
