/* SPDX-License-Identifier: MIT */
#include "tests/conformance/peer.h"

#include "daemon/net/net_fake.h"

/* A struct peer of this file is a struct net_fake_peer under another name. */
static struct net_fake_peer *fake_of(struct peer *peer)
{
    return (struct net_fake_peer *)peer;
}

struct peer *peer_connect(struct addr to, bool small_buffers)
{
    return (struct peer *)net_fake_connect(net_fake_default(), to, small_buffers ? 4096 : 65536);
}

struct addr peer_address(const struct peer *peer)
{
    return net_fake_peer_address((const struct net_fake_peer *)peer);
}

int peer_send(struct peer *peer, const void *bytes, size_t size)
{
    return net_fake_peer_send(fake_of(peer), bytes, size);
}

int peer_receive(struct peer *peer, void *bytes, size_t size)
{
    return net_fake_peer_receive(fake_of(peer), bytes, size);
}

void peer_finish(struct peer *peer)
{
    net_fake_peer_finish(fake_of(peer));
}

void peer_reset(struct peer *peer)
{
    net_fake_peer_close(fake_of(peer), true);
}

void peer_close(struct peer *peer)
{
    net_fake_peer_close(fake_of(peer), false);
}
