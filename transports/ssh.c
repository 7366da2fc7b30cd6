/* SPDX-License-Identifier: MIT */
#include "transports/ssh.h"

#include <stdlib.h>
#include <string.h>

#include "config/credential.h"
#include "config/jump.h"
#include "config/words.h"
#include "core/prompt.h"
#include "core/text.h"
#include "core/timing.h"
#include "transports/dialer.h"
#include "transports/module.h"
#include "transports/openssh.h"
#include "transports/proxy_command.h"
#include "transports/ssh_gateway.h"

/* --- settings --- */

enum engine {
    ENGINE_AUTO,
    ENGINE_LIBSSH2,
    ENGINE_OPENSSH,
    ENGINES,
};

static const char *const engine_names[ENGINES] = {"auto", "libssh2", "openssh"};

static enum engine engine_of(const struct hop *hop)
{
    const char *name = hop_setting(hop, "engine");
    enum engine engine = ENGINE_AUTO;

    while (name && engine < ENGINES && !text_same(name, engine_names[engine]))
        engine++;
    return engine;
}

static int check_command(const struct hop *hop, struct err *err)
{
    const struct setting *setting = hop_find_setting(hop, "exec");
    struct err why = ERR_INIT;

    if (!setting)
        return 0;
    char **words = words_split(setting->value, &why);
    int done = words ? words_expand(words, "host", "1", &why) : -1;
    if (done == -1)
        (void)hop_setting_fault(setting, err, "%s", err_text(&why));
    err_release(&why);
    words_free(words);
    return done;
}

/* What ssh_config has no such value for. `ssh -G` prints one as it is: a line end in it would be a
 * line of the configuration. */
static int check_keywords(const struct hop *hop, struct err *err)
{
    struct ssh_config config = {.host_name = NULL};
    struct err why = ERR_INIT;
    int done = 0;

    for (size_t i = 0; done == 0 && i < hop->setting_count; i++) {
        const struct setting *setting = &hop->settings[i];
        if (text_has_control(setting->value))
            done = hop_setting_fault(setting, err, "holds control bytes");
        else if (ssh_gateway_takes(setting->name) &&
                 ssh_config_set(&config, setting->name, setting->value, &why) == -1)
            done = hop_setting_fault(setting, err, "bad value '%s'", setting->value);
    }
    err_release(&why);
    ssh_config_release(&config);
    return done;
}

/* ssh(1) asks by itself, and takes a password from nobody else. */
static int check_password(const struct hop *hop, struct err *err)
{
    const struct setting *source = credential_source(hop);

    return source ? hop_setting_fault(source, err, "engine=openssh asks by itself") : 0;
}

static int ssh_check(const struct hop *hop, struct err *err)
{
    if (hop->address.path)
        return err_set(err, ERR_USAGE, "column %u: a gateway is a host, not a path", hop->column);
    if (engine_of(hop) == ENGINES)
        return hop_setting_fault(hop_find_setting(hop, "engine"), err,
                                 "want auto, libssh2 or openssh");
    if (check_command(hop, err) == -1 || check_keywords(hop, err) == -1 ||
        (engine_of(hop) == ENGINE_OPENSSH && check_password(hop, err) == -1))
        return -1;
    return credential_check(hop, err);
}

/* --- the way to the gateway --- */

/* 0, or -1 with err set. */
static int go_by_jump(const struct ssh_gateway *gateway, struct hops *before, struct err *err)
{
    char *jumps = proxy_command_expand(gateway, "ProxyJump", gateway->config.proxy_jump, err);
    int done = jumps ? jump_parse(before, jumps, err) : -1;

    free(jumps);
    return done == 0 ? 0 : err_wrap(err, "ssh_config: ProxyJump");
}

static void forget_gateway(void *known)
{
    ssh_gateway_release(known);
    free(known);
}

static void warm(const void *module)
{
    const struct ssh_module *ssh = module;

    ssh->warm();
}

/* Asks ssh(1), and meanwhile loads the module, which is found again when it is needed. */
static int find_out(struct ssh_gateway *gateway, const struct hop *hop, struct ctx *ctx)
{
    bool wanted = engine_of(hop) != ENGINE_OPENSSH;
    struct module_loading *loading = wanted ? module_begin("ssh", warm, ctx->trace) : NULL;
    struct err missing = ERR_INIT;
    int done = ssh_gateway_init(gateway, hop, ctx);

    if (loading)
        (void)module_finish(loading, "ssh", ctx->trace, &missing);
    err_release(&missing);
    return done;
}

static int ssh_prepare(struct hop *hop, struct hops *before, struct ctx *ctx)
{
    struct ssh_gateway *gateway = calloc(1, sizeof(*gateway));

    if (!gateway)
        return err_no_memory(ctx->err);
    if (find_out(gateway, hop, ctx) == -1) {
        free(gateway);
        return -1;
    }
    hop->known = gateway;
    hop->forget = forget_gateway;
    /* ssh(1) gets there by its master, and needs no way. */
    if (engine_of(hop) != ENGINE_LIBSSH2 && openssh_has_master(gateway))
        return 0;
    if (before && gateway->config.proxy_command)
        return proxy_command_hop(gateway, before, ctx->err);
    if (before && gateway->config.proxy_jump)
        return go_by_jump(gateway, before, ctx->err);
    return 0;
}

/* --- engines --- */

/* Why ssh(1) is to do it rather than libssh2, in fresh memory; NULL: libssh2 can. */
static char *why_openssh(const struct ssh_gateway *gateway, const struct ssh_module *module,
                         bool is_nearest, const struct err *missing, struct ctx *ctx)
{
    if (!module)
        return strdup(err_text(missing));
    if (is_nearest && openssh_has_master(gateway))
        return strdup("its ControlMaster is there");
    return module->lacks(gateway, ctx);
}

/* A hop below, or ssh(1) finds the way by itself. */
static struct stream *dial_openssh_once(const struct ssh_gateway *gateway,
                                        const struct dialer *below, const struct endpoint *to,
                                        struct ctx *ctx)
{
    struct stream *stream = NULL;

    /* Without an ssh(1) nothing need be dialed for it. */
    if (below->hop && openssh_exists()) {
        struct ctx hurried = ssh_gateway_hurry(gateway, ctx);
        stream = dialer_dial(below, &gateway->address, &hurried);
        if (!stream)
            return NULL;
    }
    stream = openssh_dial(gateway, stream, to, ctx);
    if (stream)
        timing_mark(ctx, TIMING_HANDSHAKE);
    return stream;
}

/* As long as other routes come first it may not ask. Where that is what it lacks it runs once more. */
static struct stream *dial_openssh(struct ssh_gateway *gateway, const struct dialer *below,
                                   const struct endpoint *to, struct ctx *ctx)
{
    gateway->is_mute = !gateway->config.batch_mode && !prompt_may_ask(ctx);
    struct stream *stream = dial_openssh_once(gateway, below, to, ctx);

    if (stream || !gateway->is_mute || ctx->err->code != ERR_AUTH)
        return stream;
    err_release(ctx->err);
    gateway->is_mute = false;
    if (prompt_await_turn(ctx) == -1)
        return NULL;
    return dial_openssh_once(gateway, below, to, ctx);
}

/* *lacking is set where libssh2 turns out not to be enough. */
static struct stream *dial_libssh2(const struct ssh_gateway *gateway,
                                   const struct ssh_module *module, const struct dialer *below,
                                   const struct endpoint *to, char **lacking, struct ctx *ctx)
{
    struct ctx hurried = ssh_gateway_hurry(gateway, ctx);
    struct stream *stream = dialer_dial(below, &gateway->address, &hurried);

    return stream ? module->dial(gateway, stream, to, lacking, ctx) : NULL;
}

static struct stream *ssh_dial(const struct hop *hop, const struct dialer *below,
                               const struct endpoint *to, struct ctx *ctx)
{
    struct ssh_gateway *gateway = hop->known;
    const struct ssh_module *module = NULL;
    enum engine engine = engine_of(hop);
    struct err missing = ERR_INIT;
    struct stream *stream = NULL;
    char *why = NULL;

    /* It has moved if hops were put before it. */
    gateway->hop = hop;
    if (to->path) {
        (void)err_set(ctx->err, ERR_USAGE, "%s: a gateway is given a host and a port", to->text);
        return NULL;
    }
    bool has_openssh = engine != ENGINE_LIBSSH2 && openssh_exists();
    if (engine != ENGINE_OPENSSH)
        module = module_load("ssh", ctx->trace, &missing);
    if (engine == ENGINE_AUTO && has_openssh)
        why = why_openssh(gateway, module, !below->hop, &missing, ctx);
    if (module && !why && ctx->err->code == ERR_NONE) {
        TRACE(ctx->trace, "ssh", "%s: engine libssh2", gateway->name);
        stream = dial_libssh2(gateway, module, below, to, has_openssh ? &why : NULL, ctx);
    }
    if (!stream && ctx->err->code == ERR_NONE && (why || engine == ENGINE_OPENSSH)) {
        TRACE(ctx->trace, "ssh", "%s: engine openssh: %s", gateway->name,
              why ? why : "the hop says so");
        stream = dial_openssh(gateway, below, to, ctx);
    } else if (!stream && ctx->err->code == ERR_NONE) {
        (void)err_set(ctx->err, ERR_MODULE, "%s%s", err_text(&missing),
                      engine == ENGINE_AUTO ? "; nor is there an ssh(1) (Debian: openssh-client)"
                                            : "");
    }
    err_release(&missing);
    free(why);
    return stream;
}

/* What may do it, by the setting, whether the module is there, and whether ssh(1) is. */
static const char *const engines[ENGINES][2][2] = {
    [ENGINE_AUTO] = {{"neither the module ssh nor an ssh(1) is installed",
                      "ssh(1), for the module ssh is not installed"},
                     {"module ssh (libssh2), for there is no ssh(1)",
                      "module ssh (libssh2), or ssh(1) where that can do more"}},
    [ENGINE_LIBSSH2] = {{"module ssh, which is not installed",
                         "module ssh, which is not installed"},
                        {"module ssh (libssh2)", "module ssh (libssh2)"}},
    [ENGINE_OPENSSH] = {{"ssh(1), which is not installed", "ssh(1)"},
                        {"ssh(1), which is not installed", "ssh(1)"}},
};

static const char *ssh_engine(const struct hop *hop)
{
    return engines[engine_of(hop)][module_exists("ssh")][openssh_exists()];
}

static const char *const schemes[] = {"ssh", NULL};
static const char *const settings[] = {CREDENTIAL_SETTINGS, SSH_GATEWAY_KEYWORDS, "engine", "exec",
                                       NULL};

const struct transport ssh_transport = {
    .name = "ssh",
    .schemes = schemes,
    .settings = settings,
    .default_port = 22,
    .finds_port = true,
    .layered = true,
    .check = ssh_check,
    .engine = ssh_engine,
    .prepare = ssh_prepare,
    .dial = ssh_dial,
};
