/* SPDX-License-Identifier: MIT */
/*
 * A child that must not be left behind when a signal ends us, on any POSIX system.
 *
 * SIGHUP, SIGINT and SIGTERM then go by way of a handler, each where its action is the default one
 * and not where it is ignored: the child gets SIGTERM, a quarter of a second later SIGKILL. If
 * afterwards the terminal asks for a secret without an echo, as it did not when the child was
 * started, and if the child's process group is still the one in the foreground, the terminal is put
 * back as it was found. Then the signal ends us all the same.
 *
 * Of other processes that the child has started nothing is known: they ought to end when their
 * pipes close.
 */
#ifndef STILE_CORE_GUARD_H
#define STILE_CORE_GUARD_H

#include <sys/types.h>

#include "core/child.h"
#include "core/err.h"

/*
 * As child_start, and guards the child until guard_release. One at a time: a child that is started
 * while another one is guarded is an ordinary child.
 */
pid_t guard_start(const struct child_plan *plan, struct err *err);

/* The child has ended, or is somebody else's business now. Signals do again what they did before,
 * unless somebody has changed that meanwhile. Does nothing for a child that isn't guarded. */
void guard_release(pid_t pid);

#endif
