/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-systemd"

#include "base/aip-systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The three small protocols of sd_notify(3), sd_watchdog_enabled(3) and sd_listen_fds(3), which their
 * pages document as stable; the library itself would double what an idle daemon maps. */

#define FIRST_SOCKET 3

/**
 * aip_systemd_notify:
 * @state: lines such as "READY=1"
 *
 * Tells the service manager, if there is one that wants to know.
 *
 * Returns: whether it was told
 */
gboolean
aip_systemd_notify (const char *state)
{
  const char *path = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  socklen_t length;
  gboolean sent;
  int fd;

  if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen (path) >= sizeof address.sun_path)
    return FALSE;
  memcpy (address.sun_path, path, strlen (path));
  length = offsetof (struct sockaddr_un, sun_path) + strlen (path);
  if (path[0] == '@')
    address.sun_path[0] = '\0';
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return FALSE;
  sent = sendto (fd, state, strlen (state), MSG_NOSIGNAL, (struct sockaddr *) &address, length) >= 0;
  if (!sent)
    g_debug ("cannot notify the service manager: %s", g_strerror (errno));
  close (fd);
  return sent;
}

static gboolean
is_for_us (const char *name)
{
  const char *pid = g_getenv (name);

  return pid == NULL || g_ascii_strtoll (pid, NULL, 10) == getpid ();
}

/**
 * aip_systemd_get_watchdog_interval:
 *
 * Returns: how often to send "WATCHDOG=1", in microseconds: half of what the manager allows; 0: not wanted
 */
gint64
aip_systemd_get_watchdog_interval (void)
{
  const char *limit = g_getenv ("WATCHDOG_USEC");

  if (limit == NULL || !is_for_us ("WATCHDOG_PID"))
    return 0;
  return MAX (g_ascii_strtoll (limit, NULL, 10) / 2, 0);
}

/**
 * aip_systemd_take_sockets:
 * @first: (out): the first of the sockets passed in; the others follow in order
 *
 * Takes the sockets of socket activation over: they are not inherited by children, and asking again yields
 * none.
 *
 * Returns: how many there are
 */
guint
aip_systemd_take_sockets (int *first)
{
  const char *count = g_getenv ("LISTEN_FDS");
  guint n = 0;

  *first = FIRST_SOCKET;
  if (count != NULL && g_getenv ("LISTEN_PID") != NULL && is_for_us ("LISTEN_PID"))
    n = (guint) CLAMP (g_ascii_strtoll (count, NULL, 10), 0, 64);
  for (guint i = 0; i < n; i++)
    fcntl (FIRST_SOCKET + i, F_SETFD, FD_CLOEXEC);
  g_unsetenv ("LISTEN_PID");
  g_unsetenv ("LISTEN_FDS");
  g_unsetenv ("LISTEN_FDNAMES");
  return n;
}
