/* SPDX-License-Identifier: MIT */
#include "daemon/service/service.h"

#include <stdio.h>

static void say_ready(void *context, const char *line)
{
    (void)context;
    (void)fputs(line, stdout);
    (void)fflush(stdout);
}

static void say_mistakes(void *context, const char *text)
{
    (void)context;
    (void)fputs(text, stderr);
}

struct life_host service_console(void)
{
    return (struct life_host){.ready = say_ready, .mistakes = say_mistakes};
}
