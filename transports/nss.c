/* SPDX-License-Identifier: MIT */
#include "transports/nss.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/os.h"
#include "core/thread.h"

/* Shared by the thread and whoever asked; the one that lets go last frees it. */
struct nss_lookup {
    pthread_mutex_t lock;
    int users;
    int pipe[2]; /* the thread closes its end when the answer is there */
    char *host;
    int family;
    int status;
    struct addrinfo *found;
};

static void nss_let_go(struct nss_lookup *lookup)
{
    (void)pthread_mutex_lock(&lookup->lock);
    bool last = --lookup->users == 0;
    (void)pthread_mutex_unlock(&lookup->lock);
    if (!last)
        return;

    if (lookup->found)
        freeaddrinfo(lookup->found);
    (void)pthread_mutex_destroy(&lookup->lock);
    free(lookup->host);
    free(lookup);
}

static void *nss_thread(void *arg)
{
    struct nss_lookup *lookup = arg;
    struct addrinfo hints = {.ai_family = lookup->family, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int status = getaddrinfo(lookup->host, NULL, &hints, &found);

    (void)pthread_mutex_lock(&lookup->lock);
    lookup->status = status;
    lookup->found = status == 0 ? found : NULL;
    (void)pthread_mutex_unlock(&lookup->lock);

    (void)close(lookup->pipe[PIPE_WRITE]);
    nss_let_go(lookup);
    return NULL;
}

struct nss_lookup *nss_start(const char *host, int family)
{
    struct nss_lookup *lookup = malloc(sizeof(*lookup));

    if (!lookup)
        return NULL;
    *lookup = (struct nss_lookup){.users = 2, .host = strdup(host), .family = family};
    if (!lookup->host || os_pipe(lookup->pipe) == -1) {
        free(lookup->host);
        free(lookup);
        return NULL;
    }
    (void)pthread_mutex_init(&lookup->lock, NULL);

    int error = thread_start(NULL, nss_thread, lookup);
    if (error) {
        (void)close(lookup->pipe[PIPE_WRITE]);
        lookup->users = 1;
        nss_drop(lookup);
        errno = error;
        return NULL;
    }
    return lookup;
}

int nss_fd(const struct nss_lookup *lookup)
{
    return lookup->pipe[PIPE_READ];
}

int nss_take(struct nss_lookup *lookup, struct addrinfo **out)
{
    (void)pthread_mutex_lock(&lookup->lock);
    int status = lookup->status;
    *out = lookup->found;
    lookup->found = NULL;
    (void)pthread_mutex_unlock(&lookup->lock);
    return status;
}

void nss_drop(struct nss_lookup *lookup)
{
    if (!lookup)
        return;
    (void)close(lookup->pipe[PIPE_READ]);
    nss_let_go(lookup);
}
