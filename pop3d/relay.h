/* SPDX-License-Identifier: ISC */
/*
 * relay.h: octets both ways between a client on two descriptors (a pipe, a
 * terminal; TLS one day) and the socket that its session was given.
 */
#ifndef POP3D_RELAY_H
#define POP3D_RELAY_H

/*
 * in to socket, socket to out, until the session has closed its end or nobody
 * reads out. Deadlines are the session's. The socket is not closed.
 */
void relay_octets(int in, int out, int socket);

#endif
