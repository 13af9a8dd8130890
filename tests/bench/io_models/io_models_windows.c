/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/io_model.h"

#include <stddef.h>

const struct io_model *const io_models[] = {
    &io_model_blocking,     &io_model_nonblocking,      &io_model_select,
    &io_model_event_select, &io_model_overlapped_event, &io_model_completion_routine,
    &io_model_iocp,         &io_model_engine,           NULL,
};
