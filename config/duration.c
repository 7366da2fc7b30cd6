/* SPDX-License-Identifier: MIT */
#include "config/duration.h"

#include <stdbool.h>
#include <string.h>

#include "core/clock.h"

#define DURATION_MAX_NS (INT64_C(366) * 24 * 3600 * CLOCK_S)

/* Of the smallest unit, the millisecond, they are nanoseconds. */
#define MILLIONTHS_MAX DURATION_MAX_NS

static const struct {
    const char *name;
    int64_t ns;
} units[] = {
    {"", CLOCK_S}, {"ms", CLOCK_MS}, {"s", CLOCK_S}, {"m", 60 * CLOCK_S}, {"h", 3600 * CLOCK_S},
};

/* The number at the start of *text in millionths; moves *text behind it. -1 when there is none
 * or it is too large. Not strtod(3): that takes the locale's comma, hexadecimal, "inf" and
 * "nan". */
static int64_t parse_millionths(const char **text)
{
    const char *at = *text;
    int64_t value = 0, weight = 1000000;
    bool fraction = false;

    if (!strchr("0123456789.", *at) || !*at)
        return -1;
    for (; *at && strchr("0123456789.", *at); at++) {
        if (*at == '.') {
            if (fraction)
                return -1;
            fraction = true;
        } else if (fraction) {
            weight /= 10;
            value += (*at - '0') * weight;
        } else {
            value = value * 10 + (*at - '0') * INT64_C(1000000);
        }
        if (value > MILLIONTHS_MAX)
            return -1;
    }
    if (at == *text + 1 && fraction)
        return -1;
    *text = at;
    return value;
}

int duration_parse(const char *text, int64_t *out_ns, struct err *err)
{
    const char *unit = text;
    int64_t millionths = parse_millionths(&unit);

    for (size_t i = 0; millionths > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(unit, units[i].name) != 0)
            continue;
        if (millionths > DURATION_MAX_NS / units[i].ns * 1000000)
            break;
        *out_ns = units[i].ns / 1000000 * millionths;
        return 0;
    }
    return err_set(err, ERR_USAGE,
                   "bad time '%s': want more than 0, such as 30, 1.5, 300ms, 2m, 1h", text);
}
