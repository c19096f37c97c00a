/*
 * dnsd.h - the task's name server: knows the names of its services, and records every other one.
 *
 * Nothing is ever asked of the outside, so there is no tunnel. A name that is no service does not
 * exist (NXDOMAIN): resolvers take REFUSED for a passing fault and try again and again.
 */
#ifndef WRIT_GATEWAY_DNSD_H
#define WRIT_GATEWAY_DNSD_H

#include "writ-gateway/gateway.h"

/* Datagrams are waiting on a socket made by the sandbox, bound to every address at port 53. */
void dnsd_read(struct listener *l);
/* A connection to port 53. */
void dnsd_accept(struct listener *l);
void dnsd_done(struct gateway *gw);

#endif
