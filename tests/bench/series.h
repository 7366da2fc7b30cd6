/* SPDX-License-Identifier: MIT */
/* A series of measurements, and the one number that it comes to. */
#ifndef STILE_BENCH_SERIES_H
#define STILE_BENCH_SERIES_H

#include <stddef.h>
#include <stdlib.h>

#define SERIES_MAX 2048 /* what comes after is not counted */

struct series {
    double values[SERIES_MAX];
    size_t count;
};

static void series_add(struct series *series, double value)
{
    if (series->count < SERIES_MAX)
        series->values[series->count++] = value;
}

static int series_compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;

    return (left > right) - (left < right);
}

/* The value below which `quantile` (0..1) of the series lies; 0 for an empty one. Sorts the series.
 */
static double series_quantile(struct series *series, double quantile)
{
    if (series->count == 0)
        return 0;
    qsort(series->values, series->count, sizeof(series->values[0]), series_compare);
    return series->values[(size_t)(quantile * (double)(series->count - 1) + 0.5)];
}

#endif
