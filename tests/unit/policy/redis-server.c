/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "redis-server.h"

#include <errno.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static GSocketConnection *
try_connect (RedisServer *self)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (self->socket);

  return g_socket_client_connect (client, G_SOCKET_CONNECTABLE (address), NULL, NULL);
}

/* Returns when it takes connections. */
void
redis_server_start (RedisServer *self)
{
  g_autoptr (GSocketConnection) connection = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_null (self->process);
  self->process = g_subprocess_new (
      G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_SILENCE, &error, "redis-server", "--port",
      "0", "--unixsocket", self->socket, "--dir", self->directory, "--save", "", "--appendonly", "no",
      "--daemonize", "no", "--requirepass", self->password != NULL ? self->password : "", "--rename-command",
      "AUTH", self->knows_auth ? "AUTH" : "", NULL);
  g_assert_no_error (error);
  while ((connection = try_connect (self)) == NULL)
    g_usleep (5000);
}

void
redis_server_kill (RedisServer *self)
{
  g_subprocess_force_exit (self->process);
  g_subprocess_wait (self->process, NULL, NULL);
  g_clear_object (&self->process);
  g_unlink (self->socket);
}

/* Returns when it has stopped: g_subprocess_send_signal () only asks GLib's own thread to send. */
void
redis_server_freeze (RedisServer *self)
{
  pid_t pid = (pid_t) g_ascii_strtoll (g_subprocess_get_identifier (self->process), NULL, 10);
  siginfo_t info;

  g_subprocess_send_signal (self->process, SIGSTOP);
  while (waitid (P_PID, (id_t) pid, &info, WSTOPPED) != 0)
    g_assert_cmpint (errno, ==, EINTR);
}

void
redis_server_thaw (RedisServer *self)
{
  g_subprocess_send_signal (self->process, SIGCONT);
}

/* Runs a command, after AUTH if there is a password, and gives all that Redis says to it. */
char *
redis_server_command (RedisServer *self, const char *command)
{
  g_autoptr (GSocketConnection) connection = try_connect (self);
  g_autofree char *text = self->password != NULL
                              ? g_strdup_printf ("AUTH %s\r\n%s\r\nQUIT\r\n", self->password, command)
                              : g_strdup_printf ("%s\r\nQUIT\r\n", command);
  char buffer[4096];
  gsize length = 0;

  g_assert_nonnull (connection);
  g_assert_true (g_output_stream_write_all (g_io_stream_get_output_stream (G_IO_STREAM (connection)), text,
                                            strlen (text), NULL, NULL, NULL));
  g_assert_true (g_input_stream_read_all (g_io_stream_get_input_stream (G_IO_STREAM (connection)), buffer,
                                          sizeof buffer - 1, &length, NULL, NULL));
  return g_strndup (buffer, length);
}

static RedisServer *
server_new (const char *password, gboolean knows_auth)
{
  RedisServer *self = g_new0 (RedisServer, 1);

  self->directory = g_dir_make_tmp ("redis-XXXXXX", NULL);
  self->socket = g_build_filename (self->directory, "socket", NULL);
  self->password = password;
  self->knows_auth = knows_auth;
  redis_server_start (self);
  return self;
}

RedisServer *
redis_server_new (const char *password)
{
  return server_new (password, TRUE);
}

/* To it, AUTH is a word like any other. */
RedisServer *
redis_server_new_without_auth (void)
{
  return server_new (NULL, FALSE);
}

void
redis_server_free (RedisServer *self)
{
  if (self->process != NULL)
    redis_server_kill (self);
  g_assert_cmpint (g_rmdir (self->directory), ==, 0);
  g_free (self->directory);
  g_free (self->socket);
  g_free (self);
}
