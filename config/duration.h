/* SPDX-License-Identifier: MIT */
/* Lengths of time as people write them. */
#ifndef STILE_CONFIG_DURATION_H
#define STILE_CONFIG_DURATION_H

#include <stdint.h>

#include "core/err.h"

/*
 * Plain decimal seconds (`30`, `1.5`) or with a unit (`300ms`, `90s`, `2m`, `1h`). At least a
 * millionth of the unit, at most a year; no sign, no exponent, no blanks, whatever the locale. 0,
 * or -1 with err set (ERR_USAGE).
 */
int duration_parse(const char *text, int64_t *out_ns, struct err *err);

#endif
