/* SPDX-License-Identifier: MIT */
/*
 * Children that must not be left behind when a signal ends us, on any POSIX system.
 *
 * SIGHUP, SIGINT and SIGTERM then go by way of a handler, each where its action is the default one
 * and not where it is ignored: all of the children get SIGTERM, and those that are left a quarter
 * of a second later SIGKILL. If afterwards the terminal asks for a secret without an echo, as it
 * did not before the first of the children was started, and if our process group of that moment is
 * still the one in the foreground, the terminal is put back as it was found. Then the signal ends
 * us all the same.
 *
 * Threads may start and release children as they like. The handler may run in any thread that takes
 * these signals; it waits a moment for children that are just being started, and then no more are.
 *
 * Of other processes that the children have started nothing is known: they ought to end when their
 * pipes close.
 */
#ifndef STILE_CORE_GUARD_H
#define STILE_CORE_GUARD_H

#include <sys/types.h>

#include "core/child.h"
#include "core/err.h"

/* So many at a time. One that is started while all of them run is an ordinary child. */
#define GUARD_MAX 64

/*
 * As child_start, and guards the child until guard_release. Fails also when a signal is about to
 * end us.
 */
pid_t guard_start(const struct child_plan *plan, struct err *err);

/*
 * The child has ended and its status is taken (child_wait, child_end), or it is somebody else's
 * business now. To be called after its end and not before: a signal that comes meanwhile is to end
 * it. With the last child, signals do again what they did before, unless somebody has changed that
 * meanwhile. Does nothing for a child that isn't guarded.
 */
void guard_release(pid_t pid);

#endif
