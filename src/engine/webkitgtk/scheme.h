/*
 * scheme.h - what the answers to auroraview: URLs and to those of the host's
 * own schemes have in common.
 */
#ifndef AUVI_WEBKITGTK_SCHEME_H
#define AUVI_WEBKITGTK_SCHEME_H

#include "engine/webkitgtk/webkitgtk_priv.h"

#include <libsoup/soup.h>

/* An answer on its way to WebKit. */
struct auvi_wk_answer {
    unsigned status;
    const char *type;            /* MIME type */
    SoupMessageHeaders *headers; /* beside those that every answer has; NULL */
    GInputStream *stream;        /* the answer's; NULL: no body */
    int64_t size;                /* bytes of the body; -1: not known */
};

/* Takes headers and stream. */
void auvi_wk_finish(struct auvi_wk_view *view, WebKitURISchemeRequest *request,
                    const struct auvi_wk_answer *answer);
/* A page that says what is wrong. */
void auvi_wk_finish_error(struct auvi_wk_view *view,
                          WebKitURISchemeRequest *request, unsigned status,
                          const char *what);
/* Answer with bytes [offset, offset + size) of a regular file, or with that part
 * of them that a Range header asks for. Takes fd and headers. */
void auvi_wk_finish_file(struct auvi_wk_view *view,
                         WebKitURISchemeRequest *request, int fd,
                         uint64_t offset, uint64_t size,
                         const struct auvi_wk_answer *answer);

bool auvi_wk_is_head(WebKitURISchemeRequest *request);
/* A page of the application's own asks, or somebody goes there. If not, or for a
 * method that is none of ours, the request is answered with why. */
bool auvi_wk_admit(struct auvi_wk_view *view, WebKitURISchemeRequest *request);
/* What a page's player is to read. */
struct auvi_wk_media {
    int status;
    int64_t at, size; /* first byte, of how many in all; -1: not known */
    int64_t offset;   /* in a file: where the first of all is */
    bool is_file;
    int fd; /* -1: none */
};

/* Takes fd. */
void auvi_wk_media_reply(WebKitUserMessage *message,
                         const struct auvi_wk_media *media);
/* Ask the host. False: it serves no such scheme. */
bool auvi_wk_fetch_media(struct auvi_wk_view *view, WebKitUserMessage *message,
                         const char *url, int64_t at);
void auvi_wk_media_schemes(struct auvi_wk_view *view);

/* MIME type of a file by its name; to be freed. */
char *auvi_wk_type_of(const char *name);

/* What a view's scheme.c keeps: the policy that answers carry. */
void auvi_wk_policy_renew(struct auvi_wk_view *view);

#endif /* AUVI_WEBKITGTK_SCHEME_H */
