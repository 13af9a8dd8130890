/* SPDX-License-Identifier: MIT */
#include "tests/bench/io_models/accept_ex_windows.h"

bool accept_ex_init(struct accept_ex *accept, SOCKET listener)
{
    GUID id = WSAID_ACCEPTEX;
    DWORD size = 0;

    *accept = (struct accept_ex){.listener = listener, .newcomer = INVALID_SOCKET};
    return WSAIoctl(listener, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id), &accept->call,
                    sizeof(accept->call), &size, NULL, NULL) == 0;
}

bool accept_ex_post(struct accept_ex *accept, OVERLAPPED *overlapped)
{
    DWORD received = 0;

    accept->newcomer = WSASocketW(AF_INET, SOCK_STREAM, 0, NULL, 0, WSA_FLAG_OVERLAPPED);
    if (accept->newcomer == INVALID_SOCKET) {
        return false;
    }
    /* The nought: accept at once. With room for first bytes it would wait for them, and a client
     * that connects and says nothing would hold the accept. */
    if (!accept->call(accept->listener, accept->newcomer, accept->addresses, 0,
                      sizeof(accept->addresses) / 2, sizeof(accept->addresses) / 2, &received,
                      overlapped) &&
        WSAGetLastError() != WSA_IO_PENDING) {
        accept_ex_drop(accept);
        return false;
    }
    return true;
}

SOCKET accept_ex_take(struct accept_ex *accept)
{
    const SOCKET newcomer = accept->newcomer;

    accept->newcomer = INVALID_SOCKET;
    /* Until then shutdown() and getpeername() do not know that it is connected. */
    if (setsockopt(newcomer, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (const char *)&accept->listener,
                   sizeof(accept->listener)) != 0) {
        (void)closesocket(newcomer);
        return INVALID_SOCKET;
    }
    return newcomer;
}

void accept_ex_drop(struct accept_ex *accept)
{
    const DWORD error = (DWORD)WSAGetLastError();

    if (accept->newcomer != INVALID_SOCKET) {
        (void)closesocket(accept->newcomer);
        accept->newcomer = INVALID_SOCKET;
    }
    WSASetLastError((int)error);
}
