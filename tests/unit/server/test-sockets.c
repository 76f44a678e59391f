/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "server/aip-sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/aip-error.h"

static guint16
port_of (int fd)
{
  struct sockaddr_in address = { 0 };
  socklen_t length = sizeof address;

  g_assert_cmpint (getsockname (fd, (struct sockaddr *) &address, &length), ==, 0);
  return ntohs (address.sin_port);
}

static int
connect_to (int listening)
{
  struct sockaddr_storage address = { 0 };
  socklen_t length = sizeof address;
  int fd;

  g_assert_cmpint (getsockname (listening, (struct sockaddr *) &address, &length), ==, 0);
  fd = socket (address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, length), ==, 0);
  return fd;
}

static int
listen_at (const char *address)
{
  g_autoptr (GError) error = NULL;
  int fd = aip_sockets_listen (address, &error);

  g_assert_no_error (error);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (fcntl (fd, F_GETFL) & O_NONBLOCK, !=, 0);
  g_assert_cmpint (fcntl (fd, F_GETFD) & FD_CLOEXEC, !=, 0);
  return fd;
}

static void
check_refused (const char *address, int code, const char *says)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (aip_sockets_listen (address, &error), ==, -1);
  g_assert_error (error, AIP_ERROR, code);
  if (says != NULL && strstr (error->message, says) == NULL)
    g_error ("%s: %s", address, error->message);
}

static void
test_free_port (void)
{
  int fd = listen_at ("127.0.0.1:0");
  int client = connect_to (fd);
  g_autofree char *plain = aip_sockets_describe (fd, FALSE);
  g_autofree char *secure = aip_sockets_describe (fd, TRUE);
  g_autofree char *expected = g_strdup_printf ("http://127.0.0.1:%u", port_of (fd));
  g_autofree char *expected_secure = g_strdup_printf ("https://127.0.0.1:%u", port_of (fd));

  g_assert_cmpuint (port_of (fd), !=, 0);
  g_assert_cmpstr (plain, ==, expected);
  g_assert_cmpstr (secure, ==, expected_secure);
  g_assert_false (aip_sockets_is_unix (fd));
  close (client);
  close (fd);
}

static void
test_v6 (void)
{
  g_autoptr (GError) error = NULL;
  int fd = aip_sockets_listen ("[::1]:0", &error);
  g_autofree char *text = NULL;

  if (fd < 0)
    {
      g_test_skip (error->message);
      return;
    }
  text = aip_sockets_describe (fd, FALSE);
  g_assert_true (g_str_has_prefix (text, "http://[::1]:"));
  close (fd);
}

/* A second daemon must not share the port by chance, whatever the first one is. */
static void
test_taken_port (void)
{
  int fd = listen_at ("127.0.0.1:0");
  g_autofree char *address = g_strdup_printf ("127.0.0.1:%u", port_of (fd));
  int again;

  check_refused (address, AIP_ERROR_UNAVAILABLE, "--listen");
  check_refused (address, AIP_ERROR_UNAVAILABLE, address);
  close (fd);
  again = listen_at (address);
  close (again);
}

/* After a restart, connections of the one before may still linger on the port. */
static void
test_port_with_lingering (void)
{
  int fd = listen_at ("127.0.0.1:0");
  g_autofree char *address = g_strdup_printf ("127.0.0.1:%u", port_of (fd));
  int client = connect_to (fd);
  int accepted = accept (fd, NULL, NULL);
  int again;

  g_assert_cmpint (accepted, >=, 0);
  close (accepted); /* it closes first: TIME_WAIT is on the port's side */
  close (client);
  close (fd);
  again = listen_at (address);
  close (again);
}

static void
test_beside (void)
{
  g_autoptr (GError) error = NULL;
  int fd = listen_at ("127.0.0.1:0");
  int beside = aip_sockets_listen_beside (fd, &error);

  g_assert_no_error (error);
  g_assert_cmpint (beside, >=, 0);
  g_assert_cmpuint (port_of (beside), ==, port_of (fd));

  /* Each has a queue of its own; what the other one had, goes on. */
  close (fd);
  int client = connect_to (beside);
  int accepted = accept (beside, NULL, NULL);
  g_assert_cmpint (accepted, >=, 0);
  close (accepted);
  close (client);
  close (beside);
}

/* What systemd passes in may not share its port: the same socket again. */
static void
test_beside_foreign (void)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int beside;

  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (listen (fd, 5), ==, 0);
  beside = aip_sockets_listen_beside (fd, NULL);
  g_assert_cmpint (beside, >=, 0);
  g_assert_cmpint (beside, !=, fd);
  g_assert_cmpuint (port_of (beside), ==, port_of (fd));
  close (beside);
  close (fd);
}

typedef struct
{
  char *folder;
  char *path;
  char *address;
} Place;

static void
place_init (Place *self)
{
  self->folder = g_dir_make_tmp ("aip-sockets-XXXXXX", NULL);
  self->path = g_build_filename (self->folder, "socket", NULL);
  self->address = g_strconcat ("unix:", self->path, NULL);
}

static void
place_clear (Place *self)
{
  g_unlink (self->path);
  g_rmdir (self->folder);
  g_free (self->folder);
  g_free (self->path);
  g_free (self->address);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Place, place_clear)

static void
test_unix (void)
{
  g_auto (Place) place;
  struct stat info;
  mode_t mask = umask (0); /* not what keeps others out */
  int fd;

  place_init (&place);
  fd = listen_at (place.address);
  umask (mask);
  g_assert_cmpint (g_stat (place.path, &info), ==, 0);
  g_assert_cmpint (info.st_mode, ==, S_IFSOCK | 0600);
  g_assert_true (aip_sockets_is_unix (fd));

  g_autofree char *text = aip_sockets_describe (fd, FALSE);
  g_assert_cmpstr (text, ==, place.address);

  int beside = aip_sockets_listen_beside (fd, NULL);
  g_assert_cmpint (beside, >=, 0);
  g_assert_true (aip_sockets_is_unix (beside));

  int client = connect_to (beside);
  close (client);
  close (beside);
  check_refused (place.address, AIP_ERROR_UNAVAILABLE, place.address);
  client = connect_to (fd); /* the attempt left it alone */
  close (client);
  close (fd);
}

static void
test_unix_stale (void)
{
  g_auto (Place) place;
  int fd;

  place_init (&place);
  close (listen_at (place.address));
  g_assert_true (g_file_test (place.path, G_FILE_TEST_EXISTS));
  fd = listen_at (place.address);
  close (connect_to (fd));
  close (fd);
}

/* What is no socket is somebody's file. */
static void
test_unix_file (void)
{
  g_auto (Place) place;
  g_autofree char *text = NULL;

  place_init (&place);
  g_assert_true (g_file_set_contents (place.path, "dear", -1, NULL));
  check_refused (place.address, AIP_ERROR_UNAVAILABLE, place.path);
  g_assert_true (g_file_get_contents (place.path, &text, NULL, NULL));
  g_assert_cmpstr (text, ==, "dear");
}

static void
test_errors (void)
{
  check_refused ("127.0.0.1", AIP_ERROR_INVALID_CONFIG, NULL);
  check_refused ("127.0.0.1:99999", AIP_ERROR_INVALID_CONFIG, NULL);
  check_refused ("nonsense", AIP_ERROR_INVALID_CONFIG, NULL);
  check_refused ("", AIP_ERROR_INVALID_CONFIG, NULL);
  check_refused ("192.0.2.1:0", AIP_ERROR_UNAVAILABLE, "192.0.2.1");
  check_refused ("unix:/nonexistent/folder/socket", AIP_ERROR_UNAVAILABLE, "/nonexistent");
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server/sockets/free-port", test_free_port);
  g_test_add_func ("/server/sockets/v6", test_v6);
  g_test_add_func ("/server/sockets/taken-port", test_taken_port);
  g_test_add_func ("/server/sockets/port-with-lingering", test_port_with_lingering);
  g_test_add_func ("/server/sockets/beside", test_beside);
  g_test_add_func ("/server/sockets/beside-foreign", test_beside_foreign);
  g_test_add_func ("/server/sockets/unix", test_unix);
  g_test_add_func ("/server/sockets/unix-stale", test_unix_stale);
  g_test_add_func ("/server/sockets/unix-file", test_unix_file);
  g_test_add_func ("/server/sockets/errors", test_errors);

  return g_test_run ();
}
