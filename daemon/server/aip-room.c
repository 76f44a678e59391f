/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-server"

#include "server/aip-room.h"

#include <sys/resource.h>

/* Descriptors of a daemon that does nothing: bus, keyring, files; and of each worker: epoll, listeners,
 * Redis, looking up names. */
#define OWN 28u
#define OWN_OF_WORKER 12u

/* A client, the upstream that its request goes to, and a connection that is kept for a later one. */
#define PER_CLIENT 3u

/**
 * aip_room_for_clients:
 * @configured: how many connections there may be
 * @n_workers: how many workers there are
 *
 * A client that is let in is one that can be served: without a descriptor for the way out, its request would
 * fail as if the upstream were at fault, and cost a healthy key its good name.
 *
 * Returns: how many connections there may be with the descriptors that this process may have; at least one
 */
guint
aip_room_for_clients (guint configured, guint n_workers)
{
  const rlim_t own = OWN + OWN_OF_WORKER * n_workers;
  struct rlimit files;
  rlim_t room;

  if (getrlimit (RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
    return configured;
  room = files.rlim_cur > own ? (files.rlim_cur - own) / PER_CLIENT : 0;
  return (guint) MIN (configured, MAX (room, 1));
}
