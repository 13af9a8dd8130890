/* SPDX-License-Identifier: MIT */
#include "daemon/configure.h"

#include "config/config_find.h"
#include "daemon/os/os.h"
#include "daemon/server.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { VARIABLES_MAX = 128, VARIABLES_SIZE = 65536, PLACES = 2 };

struct environment {
    char text[VARIABLES_SIZE];
    const char *variables[VARIABLES_MAX];
    size_t count;
};

struct places {
    char paths[PLACES][OS_PATH_SIZE];
    const char *candidates[PLACES];
    size_t count;
};

static void find_places(struct places *out)
{
    out->count = 0;
    for (unsigned i = 0; i < PLACES; i++) {
        if (os_path_config_file(i, out->paths[i], sizeof(out->paths[i])) == 0) {
            out->candidates[out->count++] = out->paths[i];
        }
    }
}

/* A file that is there but cannot be opened counts: passing over it would start with other settings
 * than its owner wrote. */
static bool file_exists(void *context, const char *path)
{
    FILE *file = os_file_open_read(path);

    (void)context;
    if (file == NULL) {
        return errno != ENOENT && errno != ENOTDIR;
    }
    (void)fclose(file);
    return true;
}

static FILE *open_file(const char *path, struct config_report *report)
{
    FILE *file = os_file_open_read(path);

    if (file == NULL) {
        char sentence[CONFIG_MESSAGE_TEXT_SIZE];

        (void)snprintf(sentence, sizeof(sentence), "the file cannot be opened: %s",
                       strerror(errno));
        config_report_start(report, path);
        config_report_add_file(report, sentence);
    }
    return file;
}

int configure_load(const struct options *options, struct config *out, struct config_report *report)
{
    static struct environment environment; /* Too large for a thread's stack. */
    static struct places places;
    struct config_search search = {.argument = options->config_path, .exists = file_exists};
    struct config_input input = {.settings = options->settings,
                                 .setting_count = options->setting_count};
    bool is_named = false;
    FILE *file = NULL;
    int result;

    environment.count = os_env_list("GSRELAY_", environment.text, sizeof(environment.text),
                                    environment.variables, VARIABLES_MAX);
    find_places(&places);
    search.variable =
        config_environment_get(environment.variables, environment.count, CONFIG_FILE_VARIABLE);
    search.candidates = places.candidates;
    search.candidate_count = places.count;
    input.environment = environment.variables;
    input.environment_count = environment.count;
    input.path = config_find(&search, &is_named);
    if (input.path != NULL) {
        file = open_file(input.path, report);
        if (file == NULL) {
            return RESULT_INVALID;
        }
        input.read = config_read_file;
        input.read_context = file;
    }
    result = config_load(&input, out, report);
    if (file != NULL) {
        (void)fclose(file);
    }
    return result;
}

int configure_load_secrets(const struct relay_config *config, struct secret_file *out,
                           struct config_report *report)
{
    FILE *file;
    int result;

    memset(out, 0, sizeof(*out));
    if (config->auth.mode == CONFIG_AUTH_OPEN) {
        return RESULT_OK;
    }
    file = open_file(config->auth.secret_file, report);
    if (file == NULL) {
        return RESULT_INVALID;
    }
    (void)setvbuf(file, NULL, _IONBF, 0); /* No copy of a secret in the library's buffer. */
    if (os_file_is_private(file) == 0) {
        config_report_start(report, config->auth.secret_file);
        config_report_add_file(report, "others than its owner may read the secrets; "
                                       "run chmod 600 on it");
        result = RESULT_INVALID;
    } else {
        result = secret_file_read(config->auth.secret_file, config_read_file, file, out, report);
    }
    (void)fclose(file);
    return result;
}

int configure_all(const struct options *options, struct config *out,
                  struct secret_file *secrets_out,
                  struct config_report reports_out[CONFIGURE_REPORTS])
{
    const struct config_origin nowhere = {.kind = CONFIG_FROM_DEFAULT};
    struct server_failure failure;

    config_report_start(&reports_out[0], NULL);
    config_report_start(&reports_out[1], NULL);
    if (configure_load(options, out, &reports_out[0]) != RESULT_OK) {
        return RESULT_INVALID;
    }
    config_report_start(&reports_out[1], out->values.auth.secret_file);
    if (configure_load_secrets(&out->values, secrets_out, &reports_out[1]) != RESULT_OK) {
        return RESULT_INVALID;
    }
    if (server_check(&out->values, &failure) != RESULT_OK) {
        config_report_add(&reports_out[0], CONFIG_ERROR, nowhere, "%s", failure.text);
        return RESULT_INVALID;
    }
    return RESULT_OK;
}

void configure_new_secret(char line_out[SECRET_LINE_SIZE])
{
    uint8_t bytes[SECRET_SIZE];
    char key_id[SECRET_KEY_ID_SIZE];
    int result;

    /* Seconds since 1970 in hexadecimal: secrets are replaced by adding a newer one. */
    (void)snprintf(key_id, sizeof(key_id), "k%lx",
                   (unsigned long)(os_wall_ms() / 1000 & UINT32_MAX));
    os_random_fill(bytes, sizeof(bytes));
    result = secret_line_print(key_id, bytes, line_out);
    sodium_memzero(bytes, sizeof(bytes));
    assert(result == RESULT_OK); /* It is a key id. */
    (void)result;
}
