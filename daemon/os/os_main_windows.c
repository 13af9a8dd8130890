/* SPDX-License-Identifier: MIT */
#include "daemon/os/os.h"

#include <windows.h>

#include <fcntl.h>
#include <io.h>
#include <stdlib.h>

/* The exit code of a command line that cannot be understood. */
#define EXIT_USAGE 2

static UINT input_page_before;
static UINT output_page_before;

static void restore_console(void)
{
    (void)SetConsoleCP(input_page_before);
    (void)SetConsoleOutputCP(output_page_before);
}

/* The console outlives us and its code pages with it, so they are put back. */
static void prepare_console(void)
{
    input_page_before = GetConsoleCP();
    output_page_before = GetConsoleOutputCP();
    if (output_page_before != 0 && atexit(restore_console) == 0) {
        (void)SetConsoleCP(CP_UTF8);
        (void)SetConsoleOutputCP(CP_UTF8);
    }
}

static void prepare_streams(void)
{
    (void)_setmode(_fileno(stdin), _O_BINARY);
    (void)_setmode(_fileno(stdout), _O_BINARY);
    (void)_setmode(_fileno(stderr), _O_BINARY);
    /* The C library buffers standard error of a pipe; a crash would lose what was said last. */
    (void)setvbuf(stderr, NULL, _IONBF, 0);
}

static char *narrow_argument(const wchar_t *wide)
{
    int size = WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, wide, -1, NULL, 0, NULL, NULL);
    char *text = size > 0 ? malloc((size_t)size) : NULL;
    if (text != NULL) {
        (void)WideCharToMultiByte(CP_UTF8, WC_ERR_INVALID_CHARS, wide, -1, text, size, NULL, NULL);
    }
    return text;
}

int wmain(int argc, wchar_t **wide_argv);

int wmain(int argc, wchar_t **wide_argv)
{
    prepare_console();
    prepare_streams();
    char **argv = calloc((size_t)argc + 1, sizeof(*argv));
    if (argv == NULL) {
        (void)fputs("out of memory\n", stderr);
        return EXIT_FAILURE;
    }
    for (int i = 0; i < argc; i++) {
        argv[i] = narrow_argument(wide_argv[i]);
        if (argv[i] == NULL) {
            (void)fprintf(stderr, "argument %d is not valid text\n", i);
            return EXIT_USAGE;
        }
    }
    /* They live as long as the process; program_main may keep pointers to them. */
    return program_main(argc, argv);
}
