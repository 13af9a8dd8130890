/* SPDX-License-Identifier: MIT */
#include "daemon/service/service.h"

enum exit_code service_run_foreground(const struct options *options)
{
    const struct life_host host = service_console();

    return life_run(options, &host);
}

enum exit_code service_run_managed(const char *name, const struct options *options)
{
    (void)name;
    return service_run_foreground(options);
}
