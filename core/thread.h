/* SPDX-License-Identifier: MIT */
/* Threads for what can't be waited for otherwise: a library that blocks, a stream without a
 * descriptor. */
#ifndef STILE_CORE_THREAD_H
#define STILE_CORE_THREAD_H

#include <pthread.h>

/* Starts a thread that takes no signals: those are for who waits. `thread` is to be joined; NULL
 * = it is detached. 0, or an errno. */
int thread_start(pthread_t *thread, void *(*run)(void *), void *arg);

#endif
