/* SPDX-License-Identifier: MIT */
#ifndef GSRELAY_OS_QUEUE_H
#define GSRELAY_OS_QUEUE_H

/* queue.h - a bounded queue of plain values between two threads.
 *
 * One thread puts in (the producer), one takes out (the consumer); they share no lock. An element
 * is a copied value of fixed size; large ones are built and read in place, so that they are not
 * copied twice. Nobody waits here: full and empty are answers, waking the other side is the
 * owner's business.
 * After Lamport's ring ("Specifying Concurrent Program Modules", 1983), with the cached indexes of
 * Lee, Bu and Chandranmenon ("A Lock-Free, Cache-Efficient Shared Ring Buffer", 2009): each side
 * reads the other's index only when its own copy says that it cannot go on.
 *
 * Threads: producer functions from one thread, consumer functions from one thread; create and
 *   destroy while no other thread uses the queue. What the producer wrote before a push is seen by
 *   the consumer after the pop of that element, and what the consumer did before a pop is seen by
 *   the producer that fills the place again.
 * Memory: all of it is allocated in queue_create(), on cache lines of its own; what the two threads
 *   write is on lines apart from each other (lines.h). */

#include <stdbool.h>
#include <stddef.h>

struct queue;

/* Makes a queue for `capacity` elements of `element_size` bytes each, both at least 1. An element
 * is aligned for any type. NULL when there is no memory or the size does not fit size_t. */
struct queue *queue_create(size_t element_size, size_t capacity);

/* Frees it with whatever is in it. NULL is nothing. */
void queue_destroy(struct queue *queue);

size_t queue_capacity(const struct queue *queue);

/* --- Producer -------------------------------------------------------------------------------- */

/* The place of the next element, to be filled and then handed over by queue_push_reserved(); NULL
 * when the queue is full. Calling it again without a push gives the same place. */
void *queue_reserve(struct queue *queue);

/* Hands over the element that was reserved. */
void queue_push_reserved(struct queue *queue);

/* Copies an element in. False, and nothing changed, when the queue is full. */
bool queue_push(struct queue *queue, const void *element);

/* How many elements may be pushed at the least; the consumer can only make it more. */
size_t queue_space(struct queue *queue);

/* --- Consumer -------------------------------------------------------------------------------- */

/* The oldest element, in place, the consumer's until queue_pop_peeked(); NULL when the queue is
 * empty. What stands in it then stays in memory until the place is used again: a consumer wipes
 * secrets before. */
void *queue_peek(struct queue *queue);

/* Drops the element that was peeked. */
void queue_pop_peeked(struct queue *queue);

/* Copies the oldest element out. False, and nothing changed, when the queue is empty. */
bool queue_pop(struct queue *queue, void *out);

/* How many elements may be popped at the least; the producer can only make it more. */
size_t queue_count(struct queue *queue);

#endif
