/* SPDX-License-Identifier: MIT */
#include "transports/module.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/os.h"
#include "core/text.h"
#include "core/thread.h"
#include "transports/dialer.h"
#include "transports/module_builtin.h"

#define STRINGIFY(symbol) #symbol
#define NAME_OF(symbol) STRINGIFY(symbol)

/* What a module of this tree cannot do without, and where Debian has it. */
static const struct requirement {
    const char *module;
    const char *package;
} requirements[] = {
    {"curl", "libcurl4"},
    {"dns", "libc-ares2"},
    {"ssh", "libssh2-1"},
};

/* --- files --- */

/* The file beside the executable, or the installed one; `which` is 0 or 1. Fresh memory, or
 * NULL. */
static char *module_path(const char *name, int which)
{
    if (which == 1)
        return text_join(STILE_LIBDIR "/stile/transports/", name, ".so", (char *)NULL);

    char *executable = os_executable();
    char *slash = executable ? strrchr(executable, '/') : NULL;
    char *path = NULL;
    if (slash) {
        *slash = '\0';
        path = text_join(executable, "/transports/", name, ".so", (char *)NULL);
    }
    free(executable);
    return path;
}

/* The path of the file that is there, or NULL. */
static char *module_find(const char *name)
{
    static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

    if (!*name || name[strspn(name, chars)])
        return NULL;
    for (int which = 0; which < 2; which++) {
        char *path = module_path(name, which);
        if (path && access(path, F_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

bool module_exists(const char *name)
{
    char *path = module_find(name);
    bool exists = path || module_builtin(name);

    free(path);
    return exists;
}

/* --- loading --- */

/* The package that has what dlopen(3) missed: another file than the module, that does not exist. Or
 * NULL. */
static const char *missing_package(const char *name, const char *path, const char *why)
{
    static const char missing[] = "cannot open shared object file: No such file or directory";

    if (!strstr(why, missing) || strncmp(why, path, strlen(path)) == 0)
        return NULL;
    for (size_t i = 0; i < sizeof(requirements) / sizeof(requirements[0]); i++)
        if (strcmp(requirements[i].module, name) == 0)
            return requirements[i].package;
    return NULL;
}

static void explain(const char *name, const char *path, struct err *err)
{
    const char *why = dlerror();
    const char *package = why ? missing_package(name, path, why) : NULL;

    if (package)
        (void)err_set(err, ERR_MODULE, "the module %s needs a library (Debian: %s): %s", name,
                      package, why);
    else
        (void)err_set(err, ERR_MODULE, "the module %s can't be loaded: %s", name,
                      why ? why : "it is no module");
}

static const void *module_open(const char *name, const char *path, struct err *err)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const unsigned *abi = handle ? dlsym(handle, NAME_OF(STILE_MODULE)) : NULL;

    if (!abi)
        explain(name, path, err);
    else if (*abi != TRANSPORT_ABI)
        (void)err_set(err, ERR_MODULE, "%s is made for another stile: its ABI is %u, mine is %d",
                      path, *abi, TRANSPORT_ABI);
    else
        return abi;
    return NULL;
}

const void *module_load(const char *name, const struct trace *trace, struct err *err)
{
    const void *module = module_builtin(name);

    if (module)
        return module;
    char *path = module_find(name);
    if (path) {
        void *there = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
        if (!there)
            TRACE(trace, "module", "loading %s", path);
        module = module_open(name, path, err);
        if (!there)
            TRACE(trace, "module", "%s: %s", name, module ? "loaded" : "failed");
    } else {
        (void)err_set(err, ERR_MODULE, "the module %s.so is missing in %s/stile/transports", name,
                      STILE_LIBDIR);
    }
    free(path);
    return module;
}

/* --- beside other work --- */

struct module_loading {
    pthread_t thread;
    const char *name;
    void (*warm)(const void *module);
    const struct trace *trace;
    const void *module;
    struct err err;
};

static void *load(void *arg)
{
    struct module_loading *loading = arg;

    loading->module = module_load(loading->name, loading->trace, &loading->err);
    if (loading->module && loading->warm)
        loading->warm(loading->module);
    return NULL;
}

struct module_loading *module_begin(const char *name, void (*warm)(const void *module),
                                    const struct trace *trace)
{
    struct module_loading *loading = malloc(sizeof(*loading));

    if (!loading)
        return NULL;
    *loading = (struct module_loading){.name = name, .warm = warm, .trace = trace};
    loading->err = ERR_INIT;
    if (thread_start(&loading->thread, load, loading) == 0)
        return loading;
    free(loading);
    return NULL;
}

const void *module_finish(struct module_loading *loading, const char *name,
                          const struct trace *trace, struct err *err)
{
    if (!loading)
        return module_load(name, trace, err);
    (void)pthread_join(loading->thread, NULL);
    const void *module = loading->module;
    if (!module)
        (void)err_set(err, loading->err.code, "%s", err_text(&loading->err));
    err_release(&loading->err);
    free(loading);
    return module;
}

struct stream *module_dial(const char *name, const struct hop *hop, const struct dialer *below,
                           struct stream *ready, const struct endpoint *to, struct ctx *ctx)
{
    struct module_loading *loading = ready ? NULL : module_begin(name, NULL, ctx->trace);
    struct stream *stream = NULL;
    struct err why = ERR_INIT;

    if (!ready)
        ready = dialer_dial(below, &hop->address, ctx);
    const struct transport_module *module = module_finish(loading, name, ctx->trace, &why);
    if (!module) {
        (void)err_set(ctx->err, why.code, "%s", err_text(&why));
    } else if (ready) {
        struct dialer primed = *below;
        primed.ready = &ready;
        stream = module->transports[0]->dial(hop, &primed, to, ctx);
    }
    err_release(&why);
    stream_close(ready);
    return stream;
}
