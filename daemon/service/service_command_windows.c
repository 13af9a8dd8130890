/* SPDX-License-Identifier: MIT */
#include "daemon/service/service_command.h"

#include "daemon/exit_code.h"

#include <stdio.h>

int service_command_act(const struct service_command *command)
{
    (void)fprintf(stderr, "gsrelayd: service %s is not written yet\n",
                  service_verb_name(command->verb));
    return EXIT_CODE_FAILURE;
}
