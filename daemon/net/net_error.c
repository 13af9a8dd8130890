/* SPDX-License-Identifier: MIT */
#include "daemon/net/net_error.h"

#include <stddef.h>

#include "proto/result.h"

struct error_row {
    int32_t error;
    enum net_error_class error_class;
    int result;
};

/* Linux on x86-64 and ARM (asm-generic/errno.h), written as numbers because the table is compiled
 * on Windows too, where the same names have other values. */
static const struct error_row linux_rows[] = {
    {4, NET_ERROR_RETRY, RESULT_AGAIN},             /* EINTR */
    {11, NET_ERROR_AGAIN, RESULT_AGAIN},            /* EAGAIN, EWOULDBLOCK */
    {115, NET_ERROR_AGAIN, RESULT_AGAIN},           /* EINPROGRESS */
    {1, NET_ERROR_DROP_ONE, RESULT_DENIED},         /* EPERM: a firewall rule of this host */
    {13, NET_ERROR_DROP_ONE, RESULT_DENIED},        /* EACCES: broadcast; or a port below 1024 */
    {90, NET_ERROR_DROP_ONE, RESULT_INVALID},       /* EMSGSIZE */
    {22, NET_ERROR_DROP_ONE, RESULT_INVALID},       /* EINVAL: what a send says of a destination */
    {89, NET_ERROR_DROP_ONE, RESULT_INVALID},       /* EDESTADDRREQ */
    {99, NET_ERROR_DROP_ONE, RESULT_UNREACHABLE},   /* EADDRNOTAVAIL */
    {97, NET_ERROR_DROP_ONE, RESULT_UNSUPPORTED},   /* EAFNOSUPPORT */
    {32, NET_ERROR_PEER_GONE, RESULT_CLOSED},       /* EPIPE */
    {103, NET_ERROR_PEER_GONE, RESULT_CLOSED},      /* ECONNABORTED */
    {104, NET_ERROR_PEER_GONE, RESULT_CLOSED},      /* ECONNRESET */
    {107, NET_ERROR_PEER_GONE, RESULT_CLOSED},      /* ENOTCONN */
    {64, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE},  /* ENONET */
    {71, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE},  /* EPROTO: from accept, a network error */
    {92, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE},  /* ENOPROTOOPT: the same */
    {100, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE}, /* ENETDOWN */
    {101, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE}, /* ENETUNREACH */
    {110, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE}, /* ETIMEDOUT */
    {111, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE}, /* ECONNREFUSED */
    {112, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE}, /* EHOSTDOWN */
    {113, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE}, /* EHOSTUNREACH */
    {108, NET_ERROR_CLOSING, RESULT_CLOSED},        /* ESHUTDOWN */
    {125, NET_ERROR_CLOSING, RESULT_CLOSED},        /* ECANCELED */
    {12, NET_ERROR_RESOURCE, RESULT_NO_MEMORY},     /* ENOMEM */
    {23, NET_ERROR_RESOURCE, RESULT_NO_MEMORY},     /* ENFILE */
    {24, NET_ERROR_RESOURCE, RESULT_NO_MEMORY},     /* EMFILE */
    {28, NET_ERROR_RESOURCE, RESULT_NO_MEMORY},     /* ENOSPC: the limit of epoll watches */
    {105, NET_ERROR_RESOURCE, RESULT_NO_MEMORY},    /* ENOBUFS */
    {98, NET_ERROR_FATAL, RESULT_IN_USE},           /* EADDRINUSE */
    {93, NET_ERROR_FATAL, RESULT_UNSUPPORTED},      /* EPROTONOSUPPORT */
    {38, NET_ERROR_FATAL, RESULT_UNSUPPORTED},      /* ENOSYS */
    {9, NET_ERROR_FATAL, RESULT_OS},                /* EBADF */
};

/* Winsock numbers (10000 and up), and those Win32 codes under which the completion port and
 * GetLastError() report the same things. */
static const struct error_row windows_rows[] = {
    {10004, NET_ERROR_RETRY, RESULT_AGAIN},           /* WSAEINTR */
    {10035, NET_ERROR_AGAIN, RESULT_AGAIN},           /* WSAEWOULDBLOCK */
    {10036, NET_ERROR_AGAIN, RESULT_AGAIN},           /* WSAEINPROGRESS */
    {997, NET_ERROR_AGAIN, RESULT_AGAIN},             /* ERROR_IO_PENDING */
    {10040, NET_ERROR_DROP_ONE, RESULT_INVALID},      /* WSAEMSGSIZE */
    {234, NET_ERROR_DROP_ONE, RESULT_INVALID},        /* ERROR_MORE_DATA: 10040 from the port */
    {10013, NET_ERROR_DROP_ONE, RESULT_DENIED},       /* WSAEACCES */
    {10014, NET_ERROR_DROP_ONE, RESULT_INVALID},      /* WSAEFAULT: an address of another family */
    {10022, NET_ERROR_DROP_ONE, RESULT_INVALID},      /* WSAEINVAL */
    {10039, NET_ERROR_DROP_ONE, RESULT_INVALID},      /* WSAEDESTADDRREQ */
    {10047, NET_ERROR_DROP_ONE, RESULT_UNSUPPORTED},  /* WSAEAFNOSUPPORT */
    {10049, NET_ERROR_DROP_ONE, RESULT_UNREACHABLE},  /* WSAEADDRNOTAVAIL */
    {64, NET_ERROR_PEER_GONE, RESULT_CLOSED},         /* ERROR_NETNAME_DELETED: 10054 by the port */
    {1236, NET_ERROR_PEER_GONE, RESULT_CLOSED},       /* ERROR_CONNECTION_ABORTED */
    {10053, NET_ERROR_PEER_GONE, RESULT_CLOSED},      /* WSAECONNABORTED */
    {10054, NET_ERROR_PEER_GONE, RESULT_CLOSED},      /* WSAECONNRESET; on UDP: port unreachable */
    {10057, NET_ERROR_PEER_GONE, RESULT_CLOSED},      /* WSAENOTCONN */
    {10058, NET_ERROR_PEER_GONE, RESULT_CLOSED},      /* WSAESHUTDOWN; under Wine after a reset */
    {121, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE},   /* ERROR_SEM_TIMEOUT: 10060 by the port */
    {1225, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE},  /* ERROR_CONNECTION_REFUSED */
    {1231, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE},  /* ERROR_NETWORK_UNREACHABLE */
    {1232, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE},  /* ERROR_HOST_UNREACHABLE */
    {1234, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE},  /* ERROR_PORT_UNREACHABLE */
    {10050, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE}, /* WSAENETDOWN */
    {10051, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE}, /* WSAENETUNREACH */
    {10052, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE}, /* WSAENETRESET; on UDP: TTL ran out */
    {10060, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE}, /* WSAETIMEDOUT */
    {10061, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE}, /* WSAECONNREFUSED */
    {10064, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE}, /* WSAEHOSTDOWN */
    {10065, NET_ERROR_PEER_GONE, RESULT_UNREACHABLE}, /* WSAEHOSTUNREACH */
    {995, NET_ERROR_CLOSING, RESULT_CLOSED},          /* ERROR_OPERATION_ABORTED */
    {676, NET_ERROR_CLOSING, RESULT_CLOSED},          /* ERROR_HANDLES_CLOSED, seen under Wine */
    {735, NET_ERROR_CLOSING, RESULT_CLOSED},          /* ERROR_ABANDONED_WAIT_0: the port closed */
    {8, NET_ERROR_RESOURCE, RESULT_NO_MEMORY},        /* ERROR_NOT_ENOUGH_MEMORY */
    {14, NET_ERROR_RESOURCE, RESULT_NO_MEMORY},       /* ERROR_OUTOFMEMORY */
    {1450, NET_ERROR_RESOURCE, RESULT_NO_MEMORY},     /* ERROR_NO_SYSTEM_RESOURCES */
    {1453, NET_ERROR_RESOURCE, RESULT_NO_MEMORY},     /* ERROR_WORKING_SET_QUOTA */
    {10024, NET_ERROR_RESOURCE, RESULT_NO_MEMORY},    /* WSAEMFILE */
    {10055, NET_ERROR_RESOURCE, RESULT_NO_MEMORY},    /* WSAENOBUFS */
    {10048, NET_ERROR_FATAL, RESULT_IN_USE},          /* WSAEADDRINUSE */
    {10043, NET_ERROR_FATAL, RESULT_UNSUPPORTED},     /* WSAEPROTONOSUPPORT */
    {10045, NET_ERROR_FATAL, RESULT_UNSUPPORTED},     /* WSAEOPNOTSUPP */
    {10038, NET_ERROR_FATAL, RESULT_OS},              /* WSAENOTSOCK */
};

static struct error_row find(const struct error_row rows[], size_t count, int64_t error)
{
    if (error == 0) {
        return (struct error_row){0, NET_ERROR_NONE, RESULT_OK};
    }
    for (size_t i = 0; i < count; i++) {
        if (rows[i].error == error) {
            return rows[i];
        }
    }
    return (struct error_row){0, NET_ERROR_FATAL, RESULT_OS};
}

static struct error_row find_linux(int64_t error)
{
    return find(linux_rows, sizeof(linux_rows) / sizeof(linux_rows[0]), error);
}

static struct error_row find_windows(int64_t error)
{
    return find(windows_rows, sizeof(windows_rows) / sizeof(windows_rows[0]), error);
}

enum net_error_class net_error_class_linux(int64_t error)
{
    return find_linux(error).error_class;
}

enum net_error_class net_error_class_windows(int64_t error)
{
    return find_windows(error).error_class;
}

int net_error_result_linux(int64_t error)
{
    return find_linux(error).result;
}

int net_error_result_windows(int64_t error)
{
    return find_windows(error).result;
}

const char *net_error_class_name(enum net_error_class error_class)
{
    switch (error_class) {
    case NET_ERROR_NONE:
        return "none";
    case NET_ERROR_RETRY:
        return "retry";
    case NET_ERROR_AGAIN:
        return "again";
    case NET_ERROR_DROP_ONE:
        return "drop-one";
    case NET_ERROR_PEER_GONE:
        return "peer-gone";
    case NET_ERROR_CLOSING:
        return "closing";
    case NET_ERROR_RESOURCE:
        return "resource";
    case NET_ERROR_FATAL:
        return "fatal";
    }
    return "unknown";
}
