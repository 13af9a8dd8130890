/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_TESTS_LOG_LOG_FOLDER_H
#define GSRELAY_TESTS_LOG_LOG_FOLDER_H

/* log_folder.h - removes an empty folder, which the relay itself never does; 0, or -1. */
int log_folder_remove(const char *path);

#endif
