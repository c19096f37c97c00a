/*
 * narrow.h - what the gateway may still do once it serves.
 */
#ifndef WRIT_GATEWAY_NARROW_H
#define WRIT_GATEWAY_NARROW_H

#include "writ-gateway/gateway.h"

enum writ_err narrow(const struct gateway *gw) WRIT_CHECK;

#endif
