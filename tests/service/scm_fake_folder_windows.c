/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scm_fake_windows.h"

#include "daemon/os/os_text_windows.h"

#include <sddl.h>
#include <stdio.h>
#include <string.h>

#define TEXT_SIZE 4096

HKEY scm_fake_registry;
char scm_fake_folder[OS_PATH_SIZE];

const char *scm_fake_sddl(const char *sddl)
{
    static char texts[8][TEXT_SIZE];
    static unsigned next;
    char *out = texts[next++ % 8];
    PSECURITY_DESCRIPTOR descriptor = NULL;
    wchar_t wide[TEXT_SIZE];

    assert_int_equal(os_widen(sddl, wide, TEXT_SIZE), 0);
    assert_true(ConvertStringSecurityDescriptorToSecurityDescriptorW(wide, SDDL_REVISION_1,
                                                                     &descriptor, NULL));
    scm_fake_print_sddl(descriptor, out);
    (void)LocalFree(descriptor);
    return out;
}

const char *scm_fake_path(const char *name)
{
    static char paths[2][OS_PATH_SIZE];
    static unsigned next;
    char *out = paths[next++ % 2];

    (void)snprintf(out, OS_PATH_SIZE, "%.*s\\%s", OS_PATH_SIZE - 300, scm_fake_folder, name);
    return out;
}

const char *scm_fake_read(const char *name)
{
    static char text[65536];
    FILE *file = os_file_open_read(scm_fake_path(name));
    size_t size;

    if (file == NULL) {
        return NULL;
    }
    size = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[size] = '\0';
    return text;
}

void scm_fake_write(const char *name, const char *text)
{
    wchar_t wide[OS_PATH_SIZE];
    FILE *file;

    assert_int_equal(os_widen(scm_fake_path(name), wide, OS_PATH_SIZE), 0);
    file = _wfopen(wide, L"wb");
    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
}

static void print_source(const wchar_t *name, wchar_t out[256])
{
    (void)swprintf(out, 256, L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\%ls",
                   name);
}

bool scm_fake_source(const wchar_t *name, char *file_out)
{
    wchar_t key[256];
    wchar_t file[OS_PATH_SIZE];
    DWORD types = 0;
    DWORD size = sizeof(file);

    print_source(name, key);
    if (RegGetValueW(scm_fake_registry, key, L"EventMessageFile", RRF_RT_REG_SZ, NULL, file,
                     &size) != ERROR_SUCCESS) {
        return false;
    }
    assert_true(os_narrow(file, wcslen(file), file_out, OS_PATH_SIZE) > 0);
    size = sizeof(types);
    (void)RegGetValueW(scm_fake_registry, key, L"TypesSupported", RRF_RT_REG_DWORD, NULL, &types,
                       &size);
    assert_true(types == 7 || strstr(file_out, "gsrelayd") == NULL);
    return true;
}

void scm_fake_set_source(const wchar_t *name, const wchar_t *file)
{
    wchar_t key[256];

    print_source(name, key);
    assert_int_equal(RegSetKeyValueW(scm_fake_registry, key, L"EventMessageFile", REG_EXPAND_SZ,
                                     file, (DWORD)((wcslen(file) + 1) * sizeof(file[0]))),
                     ERROR_SUCCESS);
}

static void remove_tree(const wchar_t *path)
{
    wchar_t pattern[OS_PATH_SIZE];
    WIN32_FIND_DATAW found;
    HANDLE search;

    (void)swprintf(pattern, OS_PATH_SIZE, L"%ls\\*", path);
    search = FindFirstFileW(pattern, &found);
    if (search != INVALID_HANDLE_VALUE) {
        do {
            wchar_t child[OS_PATH_SIZE];

            (void)swprintf(child, OS_PATH_SIZE, L"%ls\\%ls", path, found.cFileName);
            if (wcscmp(found.cFileName, L".") == 0 || wcscmp(found.cFileName, L"..") == 0) {
                continue;
            }
            if ((found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0) {
                remove_tree(child);
            } else {
                (void)DeleteFileW(child);
            }
        } while (FindNextFileW(search, &found));
        (void)FindClose(search);
    }
    (void)RemoveDirectoryW(path);
}

void scm_fake_clean(void)
{
    wchar_t path[OS_PATH_SIZE];
    wchar_t key[64];

    (void)swprintf(key, 64, L"Software\\gsrelay-test-%lu", GetCurrentProcessId());
    if (scm_fake_registry != NULL) {
        (void)RegCloseKey(scm_fake_registry);
        scm_fake_registry = NULL;
    }
    (void)RegDeleteTreeW(HKEY_CURRENT_USER, key);
    if (scm_fake_folder[0] != '\0' && os_widen(scm_fake_folder, path, OS_PATH_SIZE) == 0) {
        remove_tree(path);
    }
}

void scm_fake_make(void)
{
    wchar_t path[OS_PATH_SIZE];
    wchar_t key[64];
    const DWORD length = GetCurrentDirectoryW(OS_PATH_SIZE / 2, path);

    assert_true(length > 0 && length < OS_PATH_SIZE / 2);
    (void)swprintf(path + length, 64, L"\\서비스 %lu", GetCurrentProcessId());
    assert_true(os_narrow(path, wcslen(path), scm_fake_folder, OS_PATH_SIZE) > 0);
    scm_fake_clean();
    (void)swprintf(key, 64, L"Software\\gsrelay-test-%lu", GetCurrentProcessId());
    assert_int_equal(RegCreateKeyExW(HKEY_CURRENT_USER, key, 0, NULL, 0, KEY_ALL_ACCESS, NULL,
                                     &scm_fake_registry, NULL),
                     ERROR_SUCCESS);
}

void assert_said(const char *where, const char *text)
{
    if (strstr(where, text) == NULL) {
        fail_msg("\"%s\" is not in:\n%s", text, where);
    }
}

void assert_unsaid(const char *where, const char *text)
{
    if (strstr(where, text) != NULL) {
        fail_msg("\"%s\" is in:\n%s", text, where);
    }
}
