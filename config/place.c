/* SPDX-License-Identifier: MIT */
#include "config/place.h"

#include <stdlib.h>
#include <string.h>

#include "core/text.h"

char *place_text(const struct place *place)
{
    char digits[TEXT_DIGITS_MAX];

    if (!place->source)
        return strdup("default");
    if (!place->line)
        return strdup(place->source);
    return text_join(place->source, ":", text_digits(place->line, digits), (char *)NULL);
}

int place_wrap(const struct place *place, struct err *err)
{
    char *text = place_text(place);
    int done = text ? err_wrap(err, "%s", text) : -1;

    free(text);
    return done;
}
