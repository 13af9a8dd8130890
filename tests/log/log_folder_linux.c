/* SPDX-License-Identifier: MIT */
#include "tests/log/log_folder.h"

#include <unistd.h>

int log_folder_remove(const char *path)
{
    return rmdir(path);
}
