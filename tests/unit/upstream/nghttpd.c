/* SPDX-License-Identifier: MIT */
#include "nghttpd.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static void
make_certificate (const char *key, const char *certificate)
{
  g_autofree char *command =
      g_strdup_printf ("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                       "-days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost "
                       "-keyout %s -out %s",
                       key, certificate);
  g_autofree char *errors = NULL;
  int status = -1;

  g_assert_true (g_spawn_command_line_sync (command, NULL, &errors, &status, NULL));
  if (status != 0)
    g_error ("openssl: %s", errors);
}

static guint16
find_free_port (void)
{
  g_autoptr (GSocketAddress) any = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocketAddress) bound = NULL;
  g_autoptr (GSocket) socket =
      g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);

  g_assert_true (g_socket_bind (socket, any, FALSE, NULL));
  bound = g_socket_get_local_address (socket, NULL);
  return g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound));
}

static void
wait_until_it_listens (Nghttpd *self)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", self->port);

  for (;;)
    {
      g_autoptr (GSocket) socket =
          g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL);

      if (g_socket_connect (socket, address, NULL, NULL))
        return;
      g_usleep (10000);
    }
}

/* Starts it, or starts it again where it was. */
void
nghttpd_run (Nghttpd *self)
{
  g_autofree char *port = g_strdup_printf ("%u", self->port);

  const char *const command[] = { "nghttpd", "-a",         "127.0.0.1",
                                  "-d",      self->folder, "--echo-upload",
                                  port,      self->key,    self->certificate,
                                  NULL };

  g_assert_true (g_spawn_async (NULL, (char **) command, NULL,
                                G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL |
                                    G_SPAWN_STDERR_TO_DEV_NULL,
                                NULL, NULL, &self->pid, NULL));
  wait_until_it_listens (self);
}

/* Ends it in the middle of whatever it does. */
void
nghttpd_kill (Nghttpd *self)
{
  kill (self->pid, SIGKILL);
  g_assert_cmpint (waitpid (self->pid, NULL, 0), ==, self->pid);
  g_spawn_close_pid (self->pid);
}

/* FALSE: it is not installed, and the test has been marked as skipped. */
gboolean
nghttpd_start (Nghttpd *self)
{
  g_autofree char *program = g_find_program_in_path ("nghttpd");
  g_autofree char *openssl = g_find_program_in_path ("openssl");

  *self = (Nghttpd){ 0 };
  if (program == NULL || openssl == NULL)
    {
      g_test_skip ("nghttpd (package nghttp2-server) or openssl is not installed");
      return FALSE;
    }

  self->folder = g_dir_make_tmp ("aip-nghttpd-XXXXXX", NULL);
  self->certificate = g_build_filename (self->folder, "certificate.pem", NULL);
  self->key = g_build_filename (self->folder, "key.pem", NULL);
  make_certificate (self->key, self->certificate);
  self->port = find_free_port ();
  nghttpd_run (self);
  return TRUE;
}

void
nghttpd_stop (Nghttpd *self)
{
  g_autoptr (GDir) dir = g_dir_open (self->folder, 0, NULL);
  const char *name;

  nghttpd_kill (self);
  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (self->folder, name, NULL);

      g_unlink (path);
    }
  g_rmdir (self->folder);
  g_free (self->folder);
  g_free (self->certificate);
  g_free (self->key);
}

char *
nghttpd_dup_url (Nghttpd *self, const char *path)
{
  return g_strdup_printf ("https://localhost:%u/%s", self->port, path);
}

void
nghttpd_add_file (Nghttpd *self, const char *name, gsize size)
{
  g_autofree char *path = g_build_filename (self->folder, name, NULL);
  g_autofree char *text = g_strnfill (size, 'f');

  g_assert_true (g_file_set_contents (path, text, size, NULL));
}
