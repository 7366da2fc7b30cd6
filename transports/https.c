/* SPDX-License-Identifier: MIT */
#include "transports/https.h"

#include "config/credential.h"
#include "transports/http.h"
#include "transports/module.h"

static int https_check(const struct hop *hop, struct err *err)
{
    bool insecure;

    if (hop_setting_flag(hop, "insecure", false, &insecure, err) == -1)
        return -1;
    if (hop_setting(hop, "key") && !hop_setting(hop, "cert"))
        return hop_setting_fault(hop_find_setting(hop, "key"), err, "a cert must go with it");
    return http_check(hop, err);
}

static struct stream *https_dial(const struct hop *hop, const struct dialer *below,
                                 const struct endpoint *to, struct ctx *ctx)
{
    return module_dial("curl", hop, below, NULL, to, ctx);
}

static const char *https_engine(const struct hop *hop)
{
    (void)hop;
    return module_exists("curl") ? "module curl (libcurl)" : "module curl, which is not installed";
}

static const char *const https_schemes[] = {"https", NULL};
static const char *const https_settings[] = {
    CREDENTIAL_SETTINGS, "auth", "header", "cafile", "cert", "key", "insecure", NULL};

const struct transport https_transport = {
    .name = "https",
    .schemes = https_schemes,
    .settings = https_settings,
    .default_port = 443,
    .layered = true,
    .check = https_check,
    .engine = https_engine,
    .dial = https_dial,
};
