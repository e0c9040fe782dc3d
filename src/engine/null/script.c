#include "engine/null/script.h"

#include <stdbool.h>
#include <string.h>

#define MAX_DEPTH 64

struct reader {
    const char *at, *end;
};

static void skip_space(struct reader *r)
{
    while (r->at < r->end && memchr(" \t\r\n", *r->at, 4))
        r->at++;
}

static bool take(struct reader *r, const char *text)
{
    size_t length = strlen(text);

    if ((size_t)(r->end - r->at) < length || memcmp(r->at, text, length) != 0)
        return false;
    r->at += length;
    return true;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool skip_string(struct reader *r)
{
    if (!take(r, "\""))
        return false;
    while (r->at < r->end) {
        unsigned char c = (unsigned char)*r->at++;

        if (c == '"')
            return true;
        if (c < 0x20)
            return false;
        if (c != '\\')
            continue;
        if (r->at == r->end)
            return false;
        c = (unsigned char)*r->at++;
        if (c == 'u') {
            for (int i = 0; i < 4; i++)
                if (r->at == r->end || hex_value(*r->at++) < 0)
                    return false;
        } else if (!memchr("\"\\/bfnrt", c, 8)) {
            return false;
        }
    }
    return false;
}

static bool skip_digits(struct reader *r)
{
    const char *from = r->at;

    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return r->at > from;
}

static bool skip_number(struct reader *r)
{
    take(r, "-");
    if (!take(r, "0") && !skip_digits(r))
        return false;
    if (take(r, ".") && !skip_digits(r))
        return false;
    if (take(r, "e") || take(r, "E")) {
        if (!take(r, "+"))
            take(r, "-");
        return skip_digits(r);
    }
    return true;
}

static bool skip_value(struct reader *r, int depth)
{
    bool object;
    const char *close;

    skip_space(r);
    if (r->at == r->end || depth > MAX_DEPTH)
        return false;
    if (*r->at == '"')
        return skip_string(r);
    if (take(r, "true") || take(r, "false") || take(r, "null"))
        return true;
    object = *r->at == '{';
    if (!object && *r->at != '[')
        return skip_number(r);
    r->at++;
    close = object ? "}" : "]";
    skip_space(r);
    if (take(r, close))
        return true;
    do {
        skip_space(r);
        if (object) {
            if (!skip_string(r))
                return false;
            skip_space(r);
            if (!take(r, ":"))
                return false;
        }
        if (!skip_value(r, depth + 1))
            return false;
        skip_space(r);
    } while (take(r, ","));
    return take(r, close);
}

static size_t put_utf8(char *to, unsigned c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

static unsigned read_hex4(const char *at)
{
    unsigned value = 0;

    for (int i = 0; i < 4; i++)
        value = value << 4 | (unsigned)hex_value(at[i]);
    return value;
}

/* A string that skip_string() has accepted. Lone surrogates become U+FFFD, as
 * a page's bridge does with names. */
static bool decode_name(const char *at, const char *end,
                        struct auvi_script *out)
{
    size_t n = 0;

    for (at++; at < end - 1; at++) {
        static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
        const char *plain;
        unsigned c;

        if (n + 4 > sizeof(out->name))
            return false;
        if (*at != '\\') {
            out->name[n++] = *at;
            continue;
        }
        at++;
        plain = memchr(from, *at, 5);
        if (*at != 'u') {
            out->name[n++] = plain ? to[plain - from] : *at;
            continue;
        }
        c = read_hex4(at + 1);
        at += 4;
        if (c >= 0xd800 && c < 0xdc00 && end - at > 7 && at[1] == '\\' &&
            at[2] == 'u' && read_hex4(at + 3) >= 0xdc00 &&
            read_hex4(at + 3) < 0xe000) {
            c = 0x10000 + ((c - 0xd800) << 10) + (read_hex4(at + 3) - 0xdc00);
            at += 6;
        } else if (c >= 0xd800 && c < 0xe000) {
            c = 0xfffd;
        }
        n += put_utf8(out->name + n, c);
    }
    out->name[n] = '\0';
    out->name_length = n;
    return true;
}

/* Behind "auroraview.call": ("name"[, JSON]) */
static bool parse_invocation(struct reader *r, struct auvi_script *out)
{
    const char *from;

    if (!take(r, "("))
        return false;
    skip_space(r);
    from = r->at;
    if (!skip_string(r) || !decode_name(from, r->at, out))
        return false;
    skip_space(r);
    out->json = "null";
    out->json_length = 4;
    if (take(r, ",")) {
        skip_space(r);
        out->json = r->at;
        if (!skip_value(r, 0))
            return false;
        out->json_length = (size_t)(r->at - out->json);
        skip_space(r);
    }
    return take(r, ")");
}

static bool parse_name(struct reader *r, const char *close,
                       struct auvi_script *out)
{
    const char *from = r->at;

    return skip_string(r) && decode_name(from, r->at, out) && take(r, close);
}

static bool parse_json(struct reader *r, struct auvi_script *out)
{
    skip_space(r);
    out->json = r->at;
    if (!skip_value(r, 0))
        return false;
    out->json_length = (size_t)(r->at - out->json);
    return true;
}

/* Behind "auroraview.state". */
static bool parse_state(struct reader *r, struct auvi_script *out)
{
    if (take(r, ".toJSON()")) {
        out->kind = AUVI_SCRIPT_STATE_ALL;
        return true;
    }
    out->kind = AUVI_SCRIPT_STATE_SET;
    return take(r, "[") && parse_name(r, "]", out) && take(r, " =") &&
           parse_json(r, out);
}

/* Behind "auroraview.channel". */
static bool parse_channel(struct reader *r, struct auvi_script *out)
{
    if (!take(r, "(") || !parse_name(r, ")", out))
        return false;
    out->kind = AUVI_SCRIPT_CHANNEL_CLOSE;
    if (take(r, ".close()"))
        return true;
    out->kind = AUVI_SCRIPT_CHANNEL_SEND;
    return take(r, ".send(") && parse_json(r, out) && take(r, ")");
}

static bool parse(struct reader *r, struct auvi_script *out)
{
    if (take(r, "auroraview.state"))
        return parse_state(r, out);
    if (take(r, "auroraview.channel"))
        return parse_channel(r, out);
    if (take(r, "delete auroraview.state[")) {
        out->kind = AUVI_SCRIPT_STATE_DELETE;
        return parse_name(r, "]", out);
    }
    if (take(r, "auroraview.received(")) {
        out->kind = AUVI_SCRIPT_CHANNEL_TAKE;
        return parse_name(r, ")", out);
    }
    if (take(r, "auroraview.events()")) {
        out->kind = AUVI_SCRIPT_EVENTS;
        return true;
    }
    if (take(r, "new Promise(() => {})")) {
        out->kind = AUVI_SCRIPT_NEVER;
        return true;
    }
    if (take(r, "for (;;)")) {
        out->kind = AUVI_SCRIPT_HANG;
        return true;
    }
    if (take(r, "auroraview.call")) {
        out->kind = AUVI_SCRIPT_CALL;
        return parse_invocation(r, out);
    }
    if (take(r, "auroraview.emit")) {
        out->kind = AUVI_SCRIPT_EMIT;
        return parse_invocation(r, out);
    }
    if (take(r, "auroraview.fetch")) {
        out->kind = AUVI_SCRIPT_FETCH;
        return parse_invocation(r, out);
    }
    out->kind = AUVI_SCRIPT_VALUE;
    out->json = r->at;
    if (!skip_value(r, 0))
        return false;
    out->json_length = (size_t)(r->at - out->json);
    return true;
}

void auvi_script_parse(const char *text, size_t length, struct auvi_script *out)
{
    struct reader r = {text, text + length};

    memset(out, 0, sizeof(*out));
    skip_space(&r);
    if (!parse(&r, out))
        out->kind = AUVI_SCRIPT_ERROR;
    skip_space(&r);
    take(&r, ";");
    skip_space(&r);
    if (r.at != r.end)
        out->kind = AUVI_SCRIPT_ERROR;
}
