#include "base/range.h"

#include <stdbool.h>
#include <stddef.h>
#include <strings.h>

static const char *skip_spaces(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

/* The digits at *at, which then stands behind them. More than 64 bits hold is
 * the largest number: it lies behind the end of every body all the same. */
static bool read_number(const char **at, uint64_t *out)
{
    const char *start = *at;
    uint64_t value = 0;

    for (; **at >= '0' && **at <= '9'; (*at)++) {
        uint64_t digit = (uint64_t)(**at - '0');

        value =
            value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    *out = value;
    return *at != start;
}

enum auvi_range auvi_range_parse(const char *header, uint64_t size,
                                 uint64_t *first, uint64_t *length)
{
    uint64_t from, to = UINT64_MAX;
    bool has_from, has_to;

    *first = 0;
    *length = size;
    if (!header || strncasecmp(header, "bytes=", 6) != 0)
        return AUVI_RANGE_WHOLE;
    header = skip_spaces(header + 6);
    has_from = read_number(&header, &from);
    if (*header++ != '-')
        return AUVI_RANGE_WHOLE;
    has_to = read_number(&header, &to);
    if (*skip_spaces(header) || (!has_from && !has_to) ||
        (has_from && has_to && to < from))
        return AUVI_RANGE_WHOLE;
    if (!has_from) { /* the last `to` bytes */
        if (to == 0 || size == 0)
            return AUVI_RANGE_UNSATISFIABLE;
        from = to < size ? size - to : 0;
        has_to = false;
    }
    if (from >= size)
        return AUVI_RANGE_UNSATISFIABLE;
    *first = from;
    *length = has_to && to < size - 1 ? to - from + 1 : size - from;
    return AUVI_RANGE_PART;
}
