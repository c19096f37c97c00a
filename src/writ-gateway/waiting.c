#include "writ-gateway/waiting.h"

void
waiting_add(struct client *c)
{
    if (c->waiting)
        return;
    c->waiting = true;
    c->woken = false;
    c->wait_next = c->gw->waiting;
    c->gw->waiting = c;
}

void
waiting_remove(struct client *c)
{
    struct client **at = &c->gw->waiting;

    if (!c->waiting)
        return;
    while (*at != NULL && *at != c)
        at = &(*at)->wait_next;
    if (*at == c)
        *at = c->wait_next;
    c->wait_next = NULL;
    c->waiting = false;
}

void
waiting_wake(struct gateway *gw, struct service *s)
{
    for (struct client *c = gw->waiting; c != NULL; c = c->wait_next) {
        if (c->x.service == s)
            c->woken = true;
    }
    gw->woken = true;
}

static struct client *
first_woken(struct gateway *gw)
{
    struct client *c = gw->waiting;

    while (c != NULL && !c->woken)
        c = c->wait_next;
    return c;
}

void
waiting_run(struct gateway *gw)
{
    while (gw->woken) {
        struct client *c = first_woken(gw);

        if (c == NULL) {
            gw->woken = false;
            return;
        }
        waiting_remove(c);
        client_resume(c);
    }
}
