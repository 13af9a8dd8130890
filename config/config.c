/* SPDX-License-Identifier: MIT */
#include "config/config.h"

#include <assert.h>
#include <string.h>

#include "config/config_keys.h"
#include "config/config_value.h"

void config_defaults(struct config *out)
{
    char why[CONFIG_MESSAGE_TEXT_SIZE];

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < config_key_count(); i++) {
        const struct config_key *key = config_key_at(i);
        const int result = config_value_parse(key, key->fallback, &out->values, why);

        assert(result == 0);
        (void)result;
    }
    out->values.control.max_connections =
        out->values.limits.max_clients + out->values.control.preauth_max;
}
