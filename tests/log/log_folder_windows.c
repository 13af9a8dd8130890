/* SPDX-License-Identifier: MIT */
#include "tests/log/log_folder.h"

#include <windows.h>

#include "daemon/os/os_text_windows.h"

int log_folder_remove(const char *path)
{
    wchar_t wide[OS_PATH_SIZE];
    return os_widen(path, wide, OS_PATH_SIZE) == 0 && RemoveDirectoryW(wide) ? 0 : -1;
}
