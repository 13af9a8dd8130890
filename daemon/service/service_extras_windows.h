/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_SERVICE_SERVICE_EXTRAS_WINDOWS_H
#define GSRELAY_SERVICE_SERVICE_EXTRAS_WINDOWS_H

#include "config/config.h"
#include "daemon/service/service_task_windows.h"

/* service_extras_windows.h - what a service has beside its entry with the service manager: settings
 * that it can do without, the source of its events, the rules of the firewall.
 *
 * Whatever of it is refused is a warning that names it. Threads: the main thread. */

/* Sets what is not set: all of a new service, and of an older one what it lacks. What somebody has
 * set stays. The start type and the time before shutdown follow what is asked for. */
void service_settings_apply(const struct service_task *task, bool is_new,
                            const struct relay_config *config);

/* Registers our messages as those of the service's events, or takes that back. A source of that
 * name that is another program's stays. */
void service_event_source_add(const struct service_task *task, const char *program);
void service_event_source_remove(const struct service_task *task);

/* Lets players in to the ports of `config`, for the program; or takes the rules away, if there are
 * any. */
void service_firewall_open(const struct service_task *task, const char *program,
                           const struct relay_config *config);
void service_firewall_close(const struct service_task *task);

#endif
