/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_SERVICE_SERVICE_IMAGE_H
#define GSRELAY_SERVICE_SERVICE_IMAGE_H

#include "daemon/os/os.h"
#include "daemon/service/service_paths.h"
#include "proto/result.h"

#include <stdbool.h>

/* service_image.h - the command line that the Windows service manager keeps and starts:
 *
 *     "C:\...\gsrelayd.exe" service run --name NAME --config "C:\...\relay.ini"
 *
 * The program and the file are always quoted and absolute: without quotes Windows would try
 * C:\Program.exe first. Reading one back is how a service is known to be ours.
 * Threads: pure functions. Memory: the caller's. */

/* UTF-8 with its NUL: two paths, a name and the words. */
#define SERVICE_IMAGE_SIZE (2 * OS_PATH_SIZE + SERVICE_NAME_SIZE + 64)

struct service_image {
    char program[OS_PATH_SIZE];
    char name[SERVICE_NAME_SIZE];
    char config[OS_PATH_SIZE]; /* Empty: none was named. */
};

/* RESULT_INVALID: a path holds a quotation mark or a percent sign, which the service manager would
 * take for something else. */
GSRELAY_CHECKED int service_image_print(const struct service_image *image,
                                        char out[SERVICE_IMAGE_SIZE]);

/* Whether a program, by its path, is called gsrelayd*.exe. */
bool service_image_is_ours(const char *program);

/* RESULT_INVALID: this is not the command line of a service of ours. It is when one of our
 * programs is told "service run", quoted or not. */
GSRELAY_CHECKED int service_image_read(const char *text, struct service_image *out);

#endif
