/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "base/aip-systemd.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* @name as in NOTIFY_SOCKET: a path, or "@" and an abstract name */
static int
bind_manager (const char *name)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  memcpy (address.sun_path, name, strlen (name));
  if (name[0] == '@')
    address.sun_path[0] = '\0';
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address,
                         (socklen_t) (offsetof (struct sockaddr_un, sun_path) + strlen (name))),
                   ==, 0);
  return fd;
}

static void
check_notify (const char *name)
{
  int fd = bind_manager (name);
  char buffer[64];

  g_setenv ("NOTIFY_SOCKET", name, TRUE);
  g_assert_true (aip_systemd_notify ("READY=1\nSTATUS=a b"));
  g_assert_cmpint (recv (fd, buffer, sizeof buffer, 0), ==, 18);
  g_assert_cmpmem (buffer, 18, "READY=1\nSTATUS=a b", 18);
  g_assert_true (aip_systemd_notify ("STOPPING=1"));
  g_assert_cmpint (recv (fd, buffer, sizeof buffer, 0), ==, 10);
  close (fd);
  g_assert_false (aip_systemd_notify ("READY=1")); /* nobody is there any more */
}

static void
test_notify (void)
{
  g_autofree char *folder = g_dir_make_tmp ("aip-systemd-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "notify", NULL);
  g_autofree char *abstract = g_strdup_printf ("@aip-test-systemd-%d", (int) getpid ());

  check_notify (path);
  check_notify (abstract);
  g_unlink (path);
  g_rmdir (folder);
}

static void
test_notify_nobody (void)
{
  g_autofree char *long_path = g_strnfill (108, 'a');

  long_path[0] = '/';
  g_unsetenv ("NOTIFY_SOCKET");
  g_assert_false (aip_systemd_notify ("READY=1"));
  for (gsize i = 0; i < 4; i++)
    {
      g_setenv ("NOTIFY_SOCKET", (const char *[]){ "", "relative", "/nonexistent/aip", long_path }[i], TRUE);
      g_assert_false (aip_systemd_notify ("READY=1"));
    }
}

static void
set_or_unset (const char *name, const char *value)
{
  if (value != NULL)
    g_setenv (name, value, TRUE);
  else
    g_unsetenv (name);
}

static void
test_watchdog (void)
{
  g_autofree char *ours = g_strdup_printf ("%d", (int) getpid ());
  g_autofree char *theirs = g_strdup_printf ("%d", (int) getppid ());
  const struct
  {
    const char *limit;
    const char *pid;
    gint64 interval;
  } rows[] = {
    { NULL, NULL, 0 },
    { NULL, ours, 0 },
    { "30000000", NULL, 15000000 },
    { "30000000", ours, 15000000 },
    { "30000000", theirs, 0 },
    { "0", ours, 0 },
    { "-2", ours, 0 },
    { "soon", ours, 0 },
    { "", ours, 0 },
    { "3", "", 0 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      set_or_unset ("WATCHDOG_USEC", rows[i].limit);
      set_or_unset ("WATCHDOG_PID", rows[i].pid);
      g_assert_cmpint (aip_systemd_get_watchdog_interval (), ==, rows[i].interval);
    }
}

static void
test_sockets (void)
{
  g_autofree char *ours = g_strdup_printf ("%d", (int) getpid ());
  g_autofree char *theirs = g_strdup_printf ("%d", (int) getppid ());
  const struct
  {
    const char *count;
    const char *pid;
    guint n;
  } rows[] = {
    { NULL, NULL, 0 }, { NULL, ours, 0 }, { "2", ours, 2 },   { "2", theirs, 0 },      { "2", NULL, 0 },
    { "0", ours, 0 },  { "-1", ours, 0 }, { "two", ours, 0 }, { "1000000", ours, 64 },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      int first = -1;

      set_or_unset ("LISTEN_FDS", rows[i].count);
      set_or_unset ("LISTEN_PID", rows[i].pid);
      g_setenv ("LISTEN_FDNAMES", "http", TRUE);
      g_assert_cmpuint (aip_systemd_take_sockets (&first), ==, rows[i].n);
      g_assert_cmpint (first, ==, 3);
      g_assert_null (g_getenv ("LISTEN_FDS"));
      g_assert_null (g_getenv ("LISTEN_PID"));
      g_assert_null (g_getenv ("LISTEN_FDNAMES"));
      g_assert_cmpuint (aip_systemd_take_sockets (&first), ==, 0);
    }
}

/* A child must not get the sockets too; what is behind them is left alone. */
static void
test_sockets_close_on_exec (void)
{
  g_autofree char *ours = g_strdup_printf ("%d", (int) getpid ());
  int first = -1;
  int fd;

  do
    fd = open ("/dev/null", O_RDONLY);
  while (fd < 4);
  fcntl (3, F_SETFD, 0);
  fcntl (4, F_SETFD, 0);
  g_setenv ("LISTEN_FDS", "1", TRUE);
  g_setenv ("LISTEN_PID", ours, TRUE);
  g_assert_cmpuint (aip_systemd_take_sockets (&first), ==, 1);
  g_assert_cmpint (fcntl (3, F_GETFD), ==, FD_CLOEXEC);
  g_assert_cmpint (fcntl (4, F_GETFD), ==, 0);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/base/systemd/notify", test_notify);
  g_test_add_func ("/base/systemd/notify-nobody", test_notify_nobody);
  g_test_add_func ("/base/systemd/watchdog", test_watchdog);
  g_test_add_func ("/base/systemd/sockets", test_sockets);
  g_test_add_func ("/base/systemd/sockets-close-on-exec", test_sockets_close_on_exec);

  return g_test_run ();
}
