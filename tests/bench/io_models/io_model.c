/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/io_model.h"

#include <stddef.h>
#include <string.h>

const struct io_model *io_model_find(const char *name)
{
    for (unsigned i = 0; io_models[i] != NULL; i++) {
        if (strcmp(io_models[i]->name, name) == 0) {
            return io_models[i];
        }
    }
    return NULL;
}
