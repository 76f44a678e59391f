/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-sockets"

#include "server/aip-sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixsocketaddress.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/aip-error.h"
#include "config/aip-config-values.h"

#define BACKLOG 1024

/* GSocket would reset SO_REUSEPORT and keep a backlog of 10. */

static int
fail (int fd, const char *address, GError **error)
{
  int reason = errno;

  g_set_error (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE, "cannot listen on %s: %s%s", address,
               g_strerror (reason),
               reason == EADDRINUSE ? "; another program has it: choose another port with --listen" : "");
  if (fd >= 0)
    close (fd);
  return -1;
}

/* A socket file that nobody answers behind is what a crash left. */
static void
remove_stale (const struct sockaddr *address, socklen_t length)
{
  const char *path = ((const struct sockaddr_un *) address)->sun_path;
  struct stat info;
  int fd;

  if (lstat (path, &info) < 0 || !S_ISSOCK (info.st_mode))
    return;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && connect (fd, address, length) < 0 && errno == ECONNREFUSED)
    unlink (path);
  if (fd >= 0)
    close (fd);
}

static int
listen_native (const struct sockaddr *address, socklen_t length, const char *name, GError **error)
{
  int fd = socket (address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;

  if (fd < 0)
    return fail (fd, name, error);
  if (address->sa_family == AF_UNIX)
    {
      remove_stale (address, length);
      /* Only its owner may connect: set before the file is there. */
      fchmod (fd, 0600);
    }
  else
    {
      setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      setsockopt (fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    }
  if (address->sa_family == AF_INET6)
    setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (bind (fd, address, length) < 0 || listen (fd, BACKLOG) < 0)
    return fail (fd, name, error);
  return fd;
}

/* With SO_REUSEPORT a second daemon of the same user would silently share the port. */
static gboolean
is_taken (const struct sockaddr *address, socklen_t length)
{
  int fd = socket (address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int on = 1;
  gboolean taken;

  if (fd < 0)
    return FALSE;
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address->sa_family == AF_INET6)
    setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  taken = bind (fd, address, length) < 0 && errno == EADDRINUSE;
  close (fd);
  return taken;
}

/**
 * aip_sockets_listen:
 * @address: "127.0.0.1:8000", "[::1]:8000" or "unix:/path"; port 0: a free one
 * @error: return location for an AIP_ERROR_UNAVAILABLE or AIP_ERROR_INVALID_CONFIG
 *
 * Returns: a listening, non-blocking socket, or -1
 */
int
aip_sockets_listen (const char *address, GError **error)
{
  g_autoptr (GSocketAddress) parsed = aip_config_parse_listen (address, error);
  struct sockaddr_storage native = { 0 };
  gssize length;

  if (parsed == NULL)
    return -1;
  length = g_socket_address_get_native_size (parsed);
  if (length < 0 || !g_socket_address_to_native (parsed, &native, sizeof native, error))
    return -1;
  if (native.ss_family != AF_UNIX && is_taken ((struct sockaddr *) &native, (socklen_t) length))
    {
      errno = EADDRINUSE;
      return fail (-1, address, error);
    }
  return listen_native ((struct sockaddr *) &native, (socklen_t) length, address, error);
}

/**
 * aip_sockets_is_taken:
 * @address: as for aip_sockets_listen ()
 *
 * Returns: whether another socket is bound to it already; FALSE for port 0 and Unix sockets, where only the
 *   attempt tells
 */
gboolean
aip_sockets_is_taken (const char *address)
{
  g_autoptr (GSocketAddress) parsed = aip_config_parse_listen (address, NULL);
  struct sockaddr_storage native = { 0 };
  gssize length = parsed != NULL ? g_socket_address_get_native_size (parsed) : -1;

  return length >= 0 && g_socket_address_to_native (parsed, &native, sizeof native, NULL) &&
         native.ss_family != AF_UNIX && is_taken ((struct sockaddr *) &native, (socklen_t) length);
}

/**
 * aip_sockets_listen_beside:
 * @fd: a listening socket
 * @error: return location for an AIP_ERROR_UNAVAILABLE
 *
 * Returns: another one at the same address, so that the kernel spreads connections over both; for what
 *   cannot be bound twice, @fd itself once more; or -1
 */
int
aip_sockets_listen_beside (int fd, GError **error)
{
  struct sockaddr_storage native = { 0 };
  socklen_t length = sizeof native;
  int on = 0;
  socklen_t on_length = sizeof on;
  int copy;

  getsockname (fd, (struct sockaddr *) &native, &length);
  getsockopt (fd, SOL_SOCKET, SO_REUSEPORT, &on, &on_length);
  if (native.ss_family != AF_UNIX && on)
    return listen_native ((struct sockaddr *) &native, length, "the same port again", error);
  copy = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  return copy >= 0 ? copy : fail (-1, "the same socket again", error);
}

/**
 * aip_sockets_is_unix:
 * @fd: a socket
 *
 * Returns: whether it is a Unix socket
 */
gboolean
aip_sockets_is_unix (int fd)
{
  struct sockaddr_storage native = { 0 };
  socklen_t length = sizeof native;

  getsockname (fd, (struct sockaddr *) &native, &length);
  return native.ss_family == AF_UNIX;
}

/**
 * aip_sockets_is_exposed:
 * @fd: a socket
 *
 * Returns: whether other machines can reach it
 */
gboolean
aip_sockets_is_exposed (int fd)
{
  struct sockaddr_storage native = { 0 };
  socklen_t length = sizeof native;
  g_autoptr (GSocketAddress) address = NULL;

  getsockname (fd, (struct sockaddr *) &native, &length);
  address = g_socket_address_new_from_native (&native, length);
  return address != NULL && !G_IS_UNIX_SOCKET_ADDRESS (address) && !aip_config_is_loopback (address);
}

static int
get_option (int fd, int name)
{
  int value = -1;
  socklen_t length = sizeof value;

  return getsockopt (fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

/**
 * aip_sockets_check:
 * @fd: a descriptor from the service manager
 * @error: return location for an AIP_ERROR_INVALID_CONFIG
 *
 * Returns: whether connections can be accepted on it
 */
gboolean
aip_sockets_check (int fd, GError **error)
{
  if (get_option (fd, SO_TYPE) == SOCK_STREAM && get_option (fd, SO_ACCEPTCONN) == 1)
    return TRUE;
  g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG,
               "descriptor %d, passed in by LISTEN_FDS, is no listening stream socket: check the socket unit",
               fd);
  return FALSE;
}

/**
 * aip_sockets_describe:
 * @fd: a listening socket
 * @tls: whether TLS is spoken on it
 *
 * Returns: (transfer full): where clients find it: "http://127.0.0.1:8000" or "unix:/path"
 */
char *
aip_sockets_describe (int fd, gboolean tls)
{
  struct sockaddr_storage native = { 0 };
  socklen_t length = sizeof native;
  g_autoptr (GSocketAddress) address = NULL;
  g_autofree char *text = NULL;

  getsockname (fd, (struct sockaddr *) &native, &length);
  address = g_socket_address_new_from_native (&native, length);
  if (G_IS_UNIX_SOCKET_ADDRESS (address))
    return g_strconcat ("unix:", g_unix_socket_address_get_path (G_UNIX_SOCKET_ADDRESS (address)), NULL);
  text = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (address));
  return g_strconcat (tls ? "https://" : "http://", text, NULL);
}
