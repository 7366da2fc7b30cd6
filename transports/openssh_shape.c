/* SPDX-License-Identifier: MIT */
#include "transports/openssh_shape.h"

#include <string.h>

bool openssh_has_shape(const struct openssh_shape *shape, const char *line, const char **part,
                       const char **rest)
{
    size_t length = shape->start ? strlen(shape->start) : 0;

    if (length && strncmp(line, shape->start, length) != 0)
        return false;
    *part = *rest = line + length;
    if (!shape->part)
        return true;
    *part = strstr(line + length, shape->part);
    if (!*part)
        return false;
    *rest = *part + strlen(shape->part);
    return true;
}

/* OPENSSH_DEBUG. */
static const struct openssh_shape debugging[] = {
    {"debug1: ", NULL},
    {"debug2: ", NULL},
    {"debug3: ", NULL},
};

/* OPENSSH_NOISE. */
static const struct openssh_shape noise[] = {
    /* LogLevel VERBOSE has no mark. */
    {"Authenticated to ", NULL},
    {"Authenticated using ", NULL},
    {"Transferred: sent ", NULL},
    {"Bytes per second: sent ", NULL},
    {"Killed by signal ", NULL},
    {"Canonicalized DNS aliased hostname ", NULL},
    {"DNS lookup error: ", NULL},
    {"Error parsing fingerprint from DNS.", NULL},
    {"Deferring PIN entry to reader keypad.", NULL},

    /* Around a host key that has changed, or is revoked. */
    {"@", NULL},
    {"IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!", NULL},
    {"Someone could be eavesdropping on you right now ", NULL},
    {"It is also possible that a host key has just been changed.", NULL},
    {"The fingerprint for the ", " key sent by the remote host is"},
    {"SHA256:", NULL},
    {"MD5:", NULL},
    {"Please contact your system administrator.", NULL},
    {"Add correct host key in ", " to get rid of this message."},
    {"Offending ", " key in "},
    {"  remove with:", NULL},
    {"  ssh-keygen -f ", NULL},
    {"This could mean that a stolen key is being used to", NULL},
    {"impersonate this host.", NULL},
    {NULL, " is disabled to avoid man-in-the-middle attacks."},
    {"UpdateHostkeys is disabled because the host key is not trusted.", NULL},

    /* Of a master that is no more. */
    {"Control socket connect(", NULL},

    /* The next question says so. */
    {"Permission denied, please try again.", NULL},
};

/* OPENSSH_INFO. */
static const struct openssh_shape infos[] = {
    {"Warning: Permanently added ", NULL},
    {"Failed to add the ", " list of known hosts"},
    {NULL, " not in list of known hosts."},
    {"Warning: the ", " differs from the key for the IP address "},
    {"Offending key for IP in ", NULL},
    {"Matching host key in ", NULL},
    {"WARNING: ", " key found for host "},
    {NULL, " key fingerprint "},
    {"Host key fingerprint is ", NULL},
    {"The server has updated its host keys.", NULL},
    {"These changes were verified by the server's existing trusted key.", NULL},
    {"Learned new hostkey: ", NULL},
    {"Deprecating obsolete hostkey: ", NULL},
    {NULL, " returned incorrect signature type"},
    {"channel ", ": rcvd "},
    {"Received window adjust for non-open channel ", NULL},
};

/* OPENSSH_ERROR. */
static const struct openssh_shape errors[] = {
    {"Permissions 0", " are too open."},
    {"It is required that your private key files are NOT accessible ", NULL},
    {"This private key will be ignored.", NULL},
    {"Load key ", NULL},
    {"Load certificate ", NULL},
    {"no such identity: ", NULL},
    {"private key ", " contents do not match public"},
    {"Agent admitted failure ", NULL},
    {"provider ", NULL},
    {"Could not ", NULL},
    {"Couldn't ", NULL},
};

static const struct {
    const struct openssh_shape *shapes;
    size_t count;
    enum openssh_kind kind;
} kinds[] = {
#define KIND(shapes, kind)                                                                         \
    {                                                                                              \
        (shapes), sizeof(shapes) / sizeof((shapes)[0]), (kind)                                     \
    }
    KIND(debugging, OPENSSH_DEBUG),
    KIND(noise, OPENSSH_NOISE),
    KIND(infos, OPENSSH_INFO),
    KIND(errors, OPENSSH_ERROR),
#undef KIND
};

/* "sign_and_send_pubkey: signing failed …": many errors begin with the function that met them. */
static bool names_function(const char *line)
{
    size_t length = strspn(line, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return memchr(line, '_', length) && line[length] == ':' && line[length + 1] == ' ';
}

enum openssh_kind openssh_kind(const char *line)
{
    const char *part, *rest;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (size_t j = 0; j < kinds[i].count; j++)
            if (openssh_has_shape(&kinds[i].shapes[j], line, &part, &rest))
                return kinds[i].kind;
    return names_function(line) ? OPENSSH_ERROR : OPENSSH_OTHER;
}
