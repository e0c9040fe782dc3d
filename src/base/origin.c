/*
 * origin.c - a small, strict parser. What it does not understand it refuses:
 * a page without the bridge is an inconvenience, the bridge in a wrong page is
 * not.
 */
#include "base/origin.h"

#include <stdlib.h>
#include <string.h>

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_host_char(char c, bool bracket)
{
    if (bracket)
        return is_digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
           c == '_';
}

static bool is_default_port(const char *origin, size_t scheme, unsigned port)
{
    return (scheme == 4 && memcmp(origin, "http", 4) == 0 && port == 80) ||
           (scheme == 5 && memcmp(origin, "https", 5) == 0 && port == 443);
}

/* The port behind ':', up to the end of the authority. */
static bool parse_port(const char **at, unsigned *port)
{
    unsigned value = 0;
    int digits = 0;

    while (is_digit(**at)) {
        value = value * 10 + (unsigned)(*(*at)++ - '0');
        if (++digits > 5 || value > 65535)
            return false;
    }
    *port = value;
    return digits > 0;
}

bool auvi_origin_parse(const char *url, char *out)
{
    size_t n = 0, scheme;
    bool bracket = false;
    unsigned port;
    const char *at = url;

    if (!is_alpha(*at))
        return false;
    while (is_alpha(*at) || is_digit(*at) || *at == '+' || *at == '-' ||
           *at == '.') {
        if (n >= 32)
            return false;
        out[n++] = lower(*at++);
    }
    scheme = n;
    if (strncmp(at, "://", 3) != 0)
        return false;
    memcpy(out + n, "://", 3);
    n += 3;
    at += 3;
    if (scheme == 4 && memcmp(out, "file", 4) == 0) {
        /* A file on another machine is not ours. */
        if (strncmp(at, "localhost/", 10) == 0)
            at += 9;
        out[n] = '\0';
        return *at == '/' || *at == '\0';
    }
    if (*at == '[') {
        bracket = true;
        out[n++] = *at++;
    }
    while (*at && is_host_char(lower(*at), bracket)) {
        if (n >= AUVI_ORIGIN_MAX - 8) /* "]:65535" and the end */
            return false;
        out[n++] = lower(*at++);
    }
    if (n == scheme + 3 + bracket)
        return false; /* no host */
    if (bracket) {
        if (*at != ']')
            return false;
        out[n++] = *at++;
    } else if (out[n - 1] == '.') {
        return false; /* "localhost." is another origin: refused as odd */
    }
    if (*at == ':') {
        at++;
        if (!parse_port(&at, &port))
            return false;
        if (!is_default_port(out, scheme, port)) {
            char digits[6];
            int count = 0;

            out[n++] = ':';
            do
                digits[count++] = (char)('0' + port % 10);
            while (port /= 10);
            while (count)
                out[n++] = digits[--count];
        }
    }
    out[n] = '\0';
    return *at == '\0' || *at == '/' || *at == '?' || *at == '#';
}

bool auvi_origin_is_loopback(const char *origin)
{
    const char *host;

    if (strncmp(origin, "http://", 7) == 0)
        host = origin + 7;
    else if (strncmp(origin, "https://", 8) == 0)
        host = origin + 8;
    else
        return false;
    if (strncmp(host, "localhost", 9) == 0)
        return host[9] == '\0' || host[9] == ':';
    if (strncmp(host, "[::1]", 5) == 0)
        return host[5] == '\0' || host[5] == ':';
    if (strncmp(host, "127.", 4) != 0)
        return false;
    for (host += 4; *host && *host != ':'; host++)
        if (!is_digit(*host) && *host != '.')
            return false; /* 127.example.com is a name */
    return true;
}

char *auvi_origin_file_folder(const char *url)
{
    static const char hex[] = "0123456789ABCDEF";
    const char *at = url + strlen("file://");
    char *out = malloc(strlen(url) * 3 + 1), *to = out;
    size_t end;

    if (!out)
        return NULL;
    if (strncmp(at, "localhost", 9) == 0)
        at += 9;
    memcpy(out, "file://", 7);
    to = out + 7;
    end = 7;
    for (; *at && *at != '?' && *at != '#'; at++) {
        unsigned char c = (unsigned char)*at;

        if (c < 0x20)
            continue; /* an engine leaves them out */
        if (c >= 0x80) {
            *to++ = '%';
            *to++ = hex[c >> 4];
            *to++ = hex[c & 15];
        } else if (c == '%' && at[1] == '2' && (at[2] == 'f' || at[2] == 'F')) {
            *to++ = '/'; /* it is one when the file is opened */
            at += 2;
        } else {
            *to++ = c == '\\' ? '/' : (char)c;
        }
        if (to[-1] == '/')
            end = (size_t)(to - out);
    }
    out[end] = '\0';
    return out;
}
