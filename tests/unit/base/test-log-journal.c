/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "base/aip-log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * GLib finds out by getpeername () whether stderr leads to the journal, and sends to a path that cannot be
 * changed. Both functions are ours here, and what is sent goes through a pair of sockets.
 */

static int journal[2];

int
getpeername (int fd, __SOCKADDR_ARG address, socklen_t *restrict length)
{
  static const char path[] = "/run/systemd/journal/stdout";
  struct sockaddr_un peer = { .sun_family = AF_UNIX };

  if (fd != STDERR_FILENO)
    return (int) syscall (SYS_getpeername, fd, address, length);
  memcpy (peer.sun_path, path, sizeof path);
  memcpy (address.__sockaddr_un__, &peer, MIN (*length, sizeof peer));
  *length = sizeof peer;
  return 0;
}

ssize_t
sendmsg (int fd, const struct msghdr *message, int flags)
{
  struct msghdr copy = *message;
  const struct sockaddr_un *to = message->msg_name;

  if (to == NULL || to->sun_family != AF_UNIX || strcmp (to->sun_path, "/run/systemd/journal/socket") != 0)
    return syscall (SYS_sendmsg, fd, message, flags);
  copy.msg_name = NULL;
  copy.msg_namelen = 0;
  return syscall (SYS_sendmsg, journal[1], &copy, flags);
}

/* What came to the journal since the last time. */
static char *
read_entry (void)
{
  char buffer[8192];
  ssize_t length = recv (journal[0], buffer, sizeof buffer - 1, 0);

  g_assert_cmpint (length, >, 0);
  for (ssize_t i = 0; i < length; i++)
    if (buffer[i] == '\0')
      buffer[i] = '.';
  return g_strndup (buffer, (gsize) length);
}

static void
test_message (void)
{
  g_autofree char *entry = NULL;

  g_warning ("the key %s was refused", "sk-0123456789abcdef");
  entry = read_entry ();
  g_assert_nonnull (strstr (entry, "the key sk-*** was refused"));
  g_assert_nonnull (strstr (entry, "aip-test\n"));
  g_assert_null (strstr (entry, "0123456789abcdef"));
}

/* One with line breaks is sent in another form, and each field may hold a secret. */
static void
test_fields (void)
{
  static const char text[] = "two\nlines: sk-0123456789abcdef";
  const GLogField fields[] = {
    { "MESSAGE", text, -1 },
    { "PRIORITY", "4", -1 },
    { "GLIB_DOMAIN", "aip-test", -1 },
    { "UPSTREAM", "https://user:0123456789abcdef@host/?key=0123456789abcdef", -1 },
    { "HEADER", "Authorization: Bearer 0123456789abcdef, and more",
      strlen ("Authorization: Bearer 0123456789") },
  };
  g_autofree char *entry = NULL;

  g_log_structured_array (G_LOG_LEVEL_WARNING, fields, G_N_ELEMENTS (fields));
  entry = read_entry ();
  g_assert_nonnull (strstr (entry, "two\nlines: sk-***"));
  g_assert_nonnull (strstr (entry, "https://***@host/?key=***"));
  g_assert_nonnull (strstr (entry, "Authorization: ***"));
  g_assert_null (strstr (entry, "0123456789"));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, journal), ==, 0);
  /* Else warnings are fatal in tests. */
  g_log_set_always_fatal (G_LOG_FATAL_MASK);
  aip_log_init (G_LOG_LEVEL_MESSAGE);
  g_test_add_func ("/base/log-journal/message", test_message);
  g_test_add_func ("/base/log-journal/fields", test_fields);
  return g_test_run ();
}
