/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_LOG_LOG_EVENT_H
#define GSRELAY_LOG_LOG_EVENT_H

/* log_event.h - the one list of events. A name, once released, keeps its meaning: people search and
 * alert by it.
 *
 * X(NAME, name, level, limit, help). limit is OURS for what happens because of us or the operator,
 * seldom, and must never be missing; PEER for what a peer can cause, which is limited for each
 * event and in all.
 *
 * What is notable goes to the system's log as well (the Windows Event Log; beside a log file also
 * the journal or the console): log_notable.h lists those events with their stable ids, their
 * sentences and the fields that the sentences need. */

#define LOG_EVENT_LIST(X)                                                                          \
    X(STARTING, starting, INFO, OURS,                                                              \
      "the daemon begins, with its version and where its settings come from")                      \
    X(READY, ready, INFO, OURS, "all sockets are open and clients may come")                       \
    X(MEMORY, memory, INFO, OURS, "the memory that was set aside for the limits")                  \
    X(SOCKET, socket, INFO, OURS, "a socket is open, with the buffers that the system granted")    \
    X(WAITING, waiting, WARN, OURS,                                                                \
      "a socket cannot be opened yet and is tried again; error, tried_for_ms")                     \
    X(DRAINING, draining, INFO, OURS,                                                              \
      "a drain was asked for: nobody new, and a stop when the last room is gone; rooms, wait")     \
    X(STOPPING, stopping, INFO, OURS, "every session ends and clients are told")                   \
    X(STOPPED, stopped, INFO, OURS, "the last line of an orderly stop")                            \
    X(FAILED, failed, ERROR, OURS, "the daemon cannot start or go on; error, exit_code")           \
    X(CONFIG_ERROR, config_error, ERROR, OURS,                                                     \
      "a mistake in the configuration or the secrets; file, line, text")                           \
    X(CONFIG_WARNING, config_warning, WARN, OURS,                                                  \
      "something odd in the configuration; file, line, text")                                      \
    X(RELOADING, reloading, INFO, OURS, "the settings are being read again")                       \
    X(RELOADED, reloaded, INFO, OURS, "a new configuration is in use; file, changed")              \
    X(RELOAD_REFUSED, reload_refused, ERROR, OURS,                                                 \
      "the new configuration has mistakes, the old one goes on; file, errors")                     \
    X(RESTART_NEEDED, restart_needed, WARN, OURS,                                                  \
      "keys that were changed but take effect at a restart; keys")                                 \
    X(LOG_REOPENED, log_reopened, INFO, OURS, "the log was asked to open its file anew")           \
    X(LOG_STUCK, log_stuck, ERROR, OURS,                                                           \
      "the log cannot be written as it should; the relay goes on; error")                          \
    X(LOG_LOST, log_lost, WARN, OURS,                                                              \
      "the log is written again; lines says how many could not be")                                \
    X(COUNTERS, counters, INFO, OURS, "counters of a worker or of the control channel")            \
    X(LOG_SUPPRESSED, log_suppressed, INFO, OURS,                                                  \
      "lines of an event that were left out and not told before")                                  \
    X(CLIENT_ACCEPTED, client_accepted, DEBUG, PEER, "a TCP connection came")                      \
    X(CLIENT_REFUSED, client_refused, INFO, PEER, "a TCP connection was refused, with the reason") \
    X(CLIENT_CLOSED, client_closed, DEBUG, PEER, "a TCP connection ended, with the reason")        \
    X(AUTH_FAILED, auth_failed, WARN, PEER, "a handshake failed, with the reason")                 \
    X(SESSION_OPENED, session_opened, INFO, PEER, "a client proved its key")                       \
    X(SESSION_RESUMED, session_resumed, INFO, PEER, "a client came back to its session")           \
    X(SESSION_LOST, session_lost, INFO, PEER, "a session lost its TCP connection and may resume")  \
    X(SESSION_CLOSED, session_closed, INFO, PEER, "a session ended, with the reason")              \
    X(ROOM_OPENED, room_opened, INFO, PEER, "a client created a room")                             \
    X(ROOM_CLOSED, room_closed, INFO, PEER, "the last member left a room")                         \
    X(MEMBER_JOINED, member_joined, INFO, PEER, "a client joined a room")                          \
    X(MEMBER_LEFT, member_left, INFO, PEER, "a member left a room, with the reason")               \
    X(HOST_CHANGED, host_changed, DEBUG, PEER, "another member is the host of a room")             \
    X(REQUEST_REFUSED, request_refused, INFO, PEER, "a request was refused, with the reason")      \
    X(LIMIT_HIT, limit_hit, WARN, PEER, "a limit was reached, with the name of its key")

enum log_event {
#define X(upper, lower, level, limit, help) LOG_EVENT_##upper,
    LOG_EVENT_LIST(X)
#undef X
        LOG_EVENT_COUNT
};

#endif
