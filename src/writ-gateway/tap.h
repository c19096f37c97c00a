/*
 * tap.h - what the task tries that no listener takes: other TCP ports, UDP, ping, other protocols.
 *
 * The kernel refuses these by itself; the tap only sees them, so that the refusal is on record. The
 * socket's filter (made by the sandbox) passes nothing else.
 */
#ifndef WRIT_GATEWAY_TAP_H
#define WRIT_GATEWAY_TAP_H

#include "writ-gateway/gateway.h"

void tap_read(struct listener *l);

#endif
