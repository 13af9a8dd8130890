/* SPDX-License-Identifier: MIT */
#include <gsrelay/gsrelay.h>
#include <stdio.h>
#include <time.h>

int main(int argc, char **argv) /* minimal [CODE]: joins that room, or makes one */
{
    struct gsrelay_event event = {0};
    struct gsrelay_client *game;
    time_t second = 0;
    if (gsrelay_create(NULL, &game) != 0 || gsrelay_connect(game, "127.0.0.1", 7777) != 0)
        return 1;
    if ((argc > 1 ? gsrelay_join_room(game, argv[1]) : gsrelay_create_room(game, NULL)) < 0)
        return 1;
    while (event.type != GSRELAY_EVENT_DISCONNECTED) {
        gsrelay_poll(game, 10); /* returns as soon as something came */
        while (gsrelay_next_event(game, &event))
            if (event.type == GSRELAY_EVENT_ROOM_JOINED)
                printf("in room %s as member %u\n", event.code, event.member);
            else if (event.type == GSRELAY_EVENT_STATE)
                printf("member %u: %.*s\n", event.member, event.size, (char *)event.bytes);
            else if (event.type == GSRELAY_EVENT_REQUEST_FAILED)
                puts(gsrelay_reason_text(event.reason)), gsrelay_disconnect(game);
        if (second != time(NULL)) { /* once a second; a game has its frames */
            second = time(NULL);
            gsrelay_send(game, GSRELAY_TO_ALL, 1, GSRELAY_RETAIN, "x=10 y=20", 9);
        }
    }
    fprintf(stderr, "%s\n", gsrelay_error_text(game));
    gsrelay_destroy(game);
}
