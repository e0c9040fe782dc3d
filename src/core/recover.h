/*
 * recover.h - what a view needs to come back after its page's process or the
 * engine's has ended, and who decides whether it does.
 *
 * Link thread only, but for auvi_recover_page_up(). The states and the races:
 * docs/internals/recovery.md.
 */
#ifndef AUVI_RECOVER_H
#define AUVI_RECOVER_H

#include "auroraview/view.h"

#include <stdatomic.h>

struct auvi_order;

/* Losses of late: that many within a minute, and recovery stops. */
#define AUVI_LOSSES_MAX 3

struct auvi_guard {
    int64_t at_us[AUVI_LOSSES_MAX - 1]; /* of the last ones; 0: none */
};

/* Orders that describe how a view is: of each kind the last counts. */
enum auvi_kept {
    AUVI_KEPT_CREATE,
    AUVI_KEPT_PAGE, /* the last page that was asked for */
    AUVI_KEPT_JUMP, /* a jump in it that no URL event has confirmed yet */
    AUVI_KEPT_TITLE,
    AUVI_KEPT_PARENT,
    AUVI_KEPT_BOUNDS,
    AUVI_KEPT_VISIBLE,
    AUVI_KEPT_INPUT,
    AUVI_KEPT_COUNT
};

struct auvi_recovery {
    struct auvi_order *kept[AUVI_KEPT_COUNT];
    uint32_t navigation; /* the last number that an engine was given */
    uint32_t links;      /* that engines have wanted for the view */
    bool page_started;   /* since the last page was asked for */
    struct auvi_guard guard;
    _Atomic uint32_t lost; /* enum auvi_loss: what RECOVERED will tell of */
};

enum auvi_loss {
    AUVI_LOSS_NONE = 0,
    AUVI_LOSS_PAGE = AUV_LOST_PAGE,
    AUVI_LOSS_ENGINE = AUV_LOST_ENGINE
};

/* Record a loss. False: there have been too many of late. */
bool auvi_guard_allows(struct auvi_guard *guard, int64_t now_us);

/* The order has been given to the engine, or was in vain: keep it or free it. */
void auvi_recover_keep(auv_view *view, struct auvi_order *order);
/* The view will not come back. */
void auvi_recover_forget(auv_view *view);
/* Note what the engine reports; before anybody is told. */
void auvi_recover_heard(auv_view *view, const auv_event *event);
/* A page process has ended: decide, tell the observers, act. */
void auvi_recover_page(auv_view *view, const auv_event *event);
/* The engine has ended and is stopped: end its views or bring them back. */
void auvi_recover_engine(struct auv_app *app, int error, const char *text);
/* A document is up: tell, if it is the first after a loss. Receiver. */
void auvi_recover_page_up(auv_view *view);

#endif /* AUVI_RECOVER_H */
