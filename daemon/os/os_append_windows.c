/* SPDX-License-Identifier: MIT */
#include "daemon/os/os_append.h"
#include "daemon/os/os_text_windows.h"

#include <windows.h>

#include <string.h>

/* Whoever reads, rotates or removes the file while we write to it is welcome. */
#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)

static HANDLE open_for_append(const wchar_t *path)
{
    /* Not FILE_APPEND_DATA alone, because cutting off what was half written needs the right to
     * write; each write names the file's end as its place. */
    return CreateFileW(path, GENERIC_WRITE | FILE_READ_ATTRIBUTES, SHARE_ALL, NULL, OPEN_ALWAYS,
                       FILE_ATTRIBUTE_NORMAL, NULL);
}

/* Makes the folder that the path's last part is to stand in. */
static bool make_folder(const wchar_t *path)
{
    wchar_t folder[OS_PATH_SIZE];
    size_t length = wcslen(path);
    memcpy(folder, path, (length + 1) * sizeof(wchar_t));
    while (length > 0 && folder[length] != L'\\' && folder[length] != L'/') {
        length--;
    }
    folder[length] = L'\0';
    return length > 0 && CreateDirectoryW(folder, NULL);
}

int os_append_open(const char *path, struct os_append *out)
{
    wchar_t wide[OS_PATH_SIZE];
    LARGE_INTEGER size = {.QuadPart = 0};
    if (os_widen(path, wide, OS_PATH_SIZE) != 0) {
        return ERROR_INVALID_NAME;
    }
    HANDLE handle = open_for_append(wide);
    if (handle == INVALID_HANDLE_VALUE && GetLastError() == ERROR_PATH_NOT_FOUND) {
        if (!make_folder(wide)) {
            return ERROR_PATH_NOT_FOUND;
        }
        handle = open_for_append(wide);
    }
    if (handle == INVALID_HANDLE_VALUE) {
        return (int)GetLastError();
    }
    const bool is_regular = GetFileType(handle) == FILE_TYPE_DISK;
    if (is_regular && !GetFileSizeEx(handle, &size)) {
        int error = (int)GetLastError();
        (void)CloseHandle(handle);
        return error;
    }
    out->handle = (intptr_t)handle;
    out->is_regular = is_regular;
    out->size = (uint64_t)size.QuadPart;
    return 0;
}

int os_append_write(struct os_append *file, const char *bytes, size_t size, size_t *written_out)
{
    *written_out = 0;
    while (*written_out < size) {
        /* This place is the end of the file, wherever that is at the moment of the write. */
        OVERLAPPED end = {.Offset = UINT32_MAX, .OffsetHigh = UINT32_MAX};
        const size_t left = size - *written_out;
        const DWORD step = left > 0x10000u ? 0x10000u : (DWORD)left;
        DWORD written = 0;
        const BOOL is_done = WriteFile((HANDLE)file->handle, bytes + *written_out, step, &written,
                                       file->is_regular ? &end : NULL);
        *written_out += written;
        file->size += written;
        if (!is_done) {
            return (int)GetLastError();
        }
        if (written == 0) {
            return ERROR_DISK_FULL;
        }
    }
    return 0;
}

int os_append_cut(struct os_append *file, uint64_t size)
{
    FILE_END_OF_FILE_INFO end = {.EndOfFile.QuadPart = (LONGLONG)size};
    if (!SetFileInformationByHandle((HANDLE)file->handle, FileEndOfFileInfo, &end, sizeof(end))) {
        return (int)GetLastError();
    }
    file->size = size;
    return 0;
}

bool os_append_is_at(struct os_append *file, const char *path)
{
    BY_HANDLE_FILE_INFORMATION ours;
    BY_HANDLE_FILE_INFORMATION theirs;
    wchar_t wide[OS_PATH_SIZE];
    if (!file->is_regular) {
        return true;
    }
    if (os_widen(path, wide, OS_PATH_SIZE) != 0 ||
        !GetFileInformationByHandle((HANDLE)file->handle, &ours)) {
        return false;
    }
    /* With no access asked for it opens whatever others are doing with the file; one that is
     * removed but still open somewhere cannot be opened. */
    HANDLE found = CreateFileW(wide, 0, SHARE_ALL, NULL, OPEN_EXISTING, 0, NULL);
    if (found == INVALID_HANDLE_VALUE) {
        return false;
    }
    const BOOL is_known = GetFileInformationByHandle(found, &theirs);
    (void)CloseHandle(found);
    if (!is_known || ours.dwVolumeSerialNumber != theirs.dwVolumeSerialNumber ||
        ours.nFileIndexHigh != theirs.nFileIndexHigh ||
        ours.nFileIndexLow != theirs.nFileIndexLow) {
        return false;
    }
    file->size = (uint64_t)ours.nFileSizeHigh << 32 | ours.nFileSizeLow;
    return true;
}

void os_append_close(struct os_append *file)
{
    (void)CloseHandle((HANDLE)file->handle);
}

int os_file_rename(const char *from, const char *to)
{
    wchar_t wide_from[OS_PATH_SIZE];
    wchar_t wide_to[OS_PATH_SIZE];
    if (os_widen(from, wide_from, OS_PATH_SIZE) != 0 || os_widen(to, wide_to, OS_PATH_SIZE) != 0) {
        return ERROR_INVALID_NAME;
    }
    if (MoveFileExW(wide_from, wide_to, MOVEFILE_REPLACE_EXISTING)) {
        return 0;
    }
    const DWORD error = GetLastError();
    return error == ERROR_FILE_NOT_FOUND || error == ERROR_PATH_NOT_FOUND ? -1 : (int)error;
}

bool os_path_is_absolute(const char *path)
{
    const bool has_root = path[0] == '\\' || path[0] == '/';
    const bool has_drive = path[0] != '\0' && path[1] == ':';
    return has_root || has_drive;
}
