/* SPDX-License-Identifier: MIT */
#include "core/thread.h"

#include <signal.h>

int thread_start(pthread_t *thread, void *(*run)(void *), void *arg)
{
    pthread_t own;
    sigset_t all, before;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&own, NULL, run, arg);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0 && thread)
        *thread = own;
    else if (error == 0)
        (void)pthread_detach(own);
    return error;
}
