/* SPDX-License-Identifier: MIT */
#include "transports/ssh/ability.h"

#include <libssh2.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"
#include "transports/ssh/algorithms.h"
#include "transports/ssh/key_blob.h"
#include "transports/ssh/session.h"
#include "transports/ssh/wire.h"

#define LAYER "ssh"

#define RSA "ssh-rsa"
#define DSA "ssh-dss"
#define RSA_SHA2_256 "rsa-sha2-256"
#define RSA_SHA2_512 "rsa-sha2-512"

/* --- what is lacking --- */

void ability_note(struct ability *ability, bool is_preferred, const char *text)
{
    char *copy;

    if (ability->lacking && (ability->is_preferred || !is_preferred))
        return;
    copy = strdup(text);
    if (!copy)
        return;
    free(ability->lacking);
    ability->lacking = copy;
    ability->is_preferred = is_preferred;
}

void ability_note_library(struct ability *ability, bool is_preferred, const char *name,
                          const char *what, const char *lacks)
{
    char *text = text_join(name, " is ", what, ", and libssh2 ", libssh2_version(0), " ", lacks,
                           (char *)NULL);

    if (text)
        ability_note(ability, is_preferred, text);
    free(text);
}

void ability_release(struct ability *ability)
{
    free(ability->lacking);
    ability->lacking = NULL;
}

/* --- what may be --- */

/* Does the configuration let it be used? Without ssh(1): as OpenSSH does by default. */
static bool is_allowed(const struct ssh_config *config, const char *type)
{
    const char *list = config->pubkey_algorithms;

    if (!list)
        return strcmp(type, DSA) != 0;
    return wire_list_has(list, type) ||
           (strcmp(type, RSA) == 0 &&
            (wire_list_has(list, RSA_SHA2_256) || wire_list_has(list, RSA_SHA2_512)));
}

/* string e, string n. */
static bool is_rsa_too_short(const struct key_blob *key, unsigned bits_wanted)
{
    struct wire rest = {key->fields, key->size}, number = {0};
    size_t bits = 0;

    if (strcmp(key->type, RSA) != 0 || !wire_take_string(&rest, &number) ||
        !wire_take_string(&rest, &number))
        return false;
    while (number.left > 0 && *number.at == 0) {
        number.at++;
        number.left--;
    }
    if (number.left > 0) {
        bits = 8 * number.left;
        for (unsigned first = *number.at; !(first & 0x80); first <<= 1)
            bits--;
    }
    return bits < bits_wanted;
}

/* --- what can be --- */

bool ability_has_type(struct ability *ability, const char *name, const char *type)
{
    const char *allowed = ability->config->pubkey_algorithms;

    if (!is_allowed(ability->config, type))
        return false;
    if (algorithms_know_key_type(type))
        return true;
    if (strcmp(type, RSA) == 0) {
        ability_note_library(ability, false, name, "RSA", "has no rsa-sha2");
        /* SHA-1 where the user wants it: the gateway may be as old as the library. */
        return allowed && wire_list_has(allowed, RSA);
    }
    if (strncmp(type, "sk-", 3) == 0)
        ability_note_library(ability, true, name, "on a FIDO token", "knows none");
    else
        ability_note_library(ability, false, name, type, "can't sign with that");
    return false;
}

bool ability_has_key(struct ability *ability, const char *name, const struct identity_public *key,
                     const struct trace *trace)
{
    struct key_blob parts;

    if (key_blob_read(&parts, key->blob, key->size) == -1) {
        TRACE(trace, LAYER, "%s: not a key of a type that ssh knows", name);
        return false;
    }
    if (!is_allowed(ability->config, parts.type)) {
        TRACE(trace, LAYER, "%s: PubkeyAcceptedAlgorithms doesn't have %s", name, parts.type);
        return false;
    }
    if (is_rsa_too_short(&parts, ability->config->required_rsa_size)) {
        TRACE(trace, LAYER, "%s: shorter than RequiredRSASize", name);
        return false;
    }
    if (parts.is_certificate) {
        ability_note_library(ability, true, name, "a certificate", "can use none");
        return false;
    }
    return ability_has_type(ability, name, parts.type);
}
