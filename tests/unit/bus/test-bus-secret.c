/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "bus/aip-bus-secret.h"

#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/aip-error.h"

#define MAX_LENGTH 8192

static void
result_cb (GObject *source, GAsyncResult *result, void *user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static AipSecret *
read_from (GUnixFDList *list, gint32 index, GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  aip_bus_secret_read_async (list, index, AIP_BUS_SECRET_TIME_LIMIT, NULL, result_cb, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return aip_bus_secret_read_finish (result, error);
}

/* A list of one pipe with @text in it and nobody at its other end. */
static GUnixFDList *
make_list (const char *text, gsize length)
{
  g_autoptr (GError) error = NULL;
  int ends[2];

  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, &error));
  g_assert_no_error (error);
  g_assert_cmpint (write (ends[1], text, length), ==, (gssize) length);
  g_assert_cmpint (close (ends[1]), ==, 0);
  return g_unix_fd_list_new_from_array (ends, 1);
}

static void
assert_read (const char *text, gsize length, const char *expected)
{
  g_autoptr (GUnixFDList) list = make_list (text, length);
  g_autoptr (GError) error = NULL;
  g_autoptr (AipSecret) secret = read_from (list, 0, &error);

  g_assert_no_error (error);
  g_assert_cmpstr (aip_secret_peek (secret, NULL), ==, expected);
}

static void
assert_refused (const char *text, gsize length, AipError code)
{
  g_autoptr (GUnixFDList) list = make_list (text, length);
  g_autoptr (GError) error = NULL;

  g_assert_null (read_from (list, 0, &error));
  g_assert_error (error, AIP_ERROR, (int) code);
}

static void
test_line_breaks (void)
{
  assert_read ("sk-1", 4, "sk-1");
  assert_read ("sk-1\n", 5, "sk-1");
  assert_read ("sk-1\r\n", 6, "sk-1");
  assert_read (" sk 1 ", 6, " sk 1 ");
  assert_refused ("sk-1\n\n", 6, AIP_ERROR_INVALID_ARGUMENT);
  assert_refused ("\nsk-1", 5, AIP_ERROR_INVALID_ARGUMENT);
  assert_refused ("sk\0-1", 5, AIP_ERROR_INVALID_ARGUMENT);
}

static void
test_lengths (void)
{
  g_autofree char *text = g_strnfill (MAX_LENGTH + 10, 'x');
  g_autofree char *longest = g_strnfill (MAX_LENGTH, 'x');

  assert_refused ("", 0, AIP_ERROR_INVALID_ARGUMENT);
  assert_refused ("\n", 1, AIP_ERROR_INVALID_ARGUMENT);
  assert_refused ("\r\n", 2, AIP_ERROR_INVALID_ARGUMENT);
  assert_read (text, MAX_LENGTH, longest);
  assert_refused (text, MAX_LENGTH + 1, AIP_ERROR_TOO_LARGE);
  assert_refused (text, MAX_LENGTH + 2, AIP_ERROR_TOO_LARGE);
  assert_refused (text, MAX_LENGTH + 10, AIP_ERROR_TOO_LARGE);
  memcpy (text + MAX_LENGTH, "\r\n", 2);
  assert_read (text, MAX_LENGTH + 2, longest);
  assert_read (text, MAX_LENGTH + 1, longest);
}

/* GUnixFDList itself does not look whether an index is one of its own. */
static void
test_indices (void)
{
  static const gint32 wrong[] = { 1, 2, G_MAXINT32, -1, -2, G_MININT32 };
  g_autoptr (GUnixFDList) list = make_list ("sk-1", 4);
  g_autoptr (GUnixFDList) empty = g_unix_fd_list_new ();

  for (gsize i = 0; i < G_N_ELEMENTS (wrong); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (read_from (list, wrong[i], &error));
      g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT);
    }
  for (int i = 0; i < 2; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (read_from (i == 0 ? empty : NULL, 0, &error));
      g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT);
    }
}

static void
test_unreadable (void)
{
  static const struct
  {
    const char *path;
    int flags;
    AipError code;
  } cases[] = {
    { "/", O_RDONLY, AIP_ERROR_INVALID_ARGUMENT },
    { "/dev/null", O_WRONLY, AIP_ERROR_INVALID_ARGUMENT },
    { "/dev/null", O_RDONLY, AIP_ERROR_INVALID_ARGUMENT },
    { "/dev/zero", O_RDONLY, AIP_ERROR_TOO_LARGE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      int fd = open (cases[i].path, cases[i].flags | O_CLOEXEC);
      g_autoptr (GUnixFDList) list = g_unix_fd_list_new_from_array (&fd, 1);
      g_autoptr (GError) error = NULL;

      g_assert_cmpint (fd, >=, 0);
      g_assert_null (read_from (list, 0, &error));
      g_assert_error (error, AIP_ERROR, (int) cases[i].code);
    }
}

static void
test_giving_up (void)
{
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  int ends[2];

  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, &error));
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new_from_array (ends, 2);

  aip_bus_secret_read_async (list, 0, AIP_BUS_SECRET_TIME_LIMIT, cancellable, result_cb, &result);
  g_cancellable_cancel (cancellable);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_null (aip_bus_secret_read_finish (result, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_CANCELLED);
}

static gboolean
turned_cb (gpointer user_data)
{
  (*(guint *) user_data)++;
  return G_SOURCE_CONTINUE;
}

/* A pipe that nobody writes to: the limit ends it. */
static void
test_silent_pipe (void)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  int ends[2];

  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, &error));
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new_from_array (ends, 2);

  aip_bus_secret_read_async (list, 0, 200, NULL, result_cb, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_null (aip_bus_secret_read_finish (result, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_TIMED_OUT);
}

/* The main loop turns while nothing comes. */
static void
test_slow_pipe (void)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (AipSecret) secret = NULL;
  g_autoptr (GError) error = NULL;
  guint turns = 0;
  guint source = g_timeout_add (1, turned_cb, &turns);
  int ends[2];

  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, &error));
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new_from_array (ends, 1);

  aip_bus_secret_read_async (list, 0, 60000, NULL, result_cb, &result);
  while (turns < 3)
    g_main_context_iteration (NULL, TRUE);
  g_source_remove (source);
  g_assert_null (result);
  g_assert_cmpint (write (ends[1], "sk-1", 4), ==, 4);
  g_assert_cmpint (close (ends[1]), ==, 0);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  secret = aip_bus_secret_read_finish (result, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (aip_secret_peek (secret, NULL), ==, "sk-1");
}

/* Each has a thread until its limit; when that has passed there is room again. */
static void
test_many_at_once (void)
{
  GAsyncResult *results[40] = { NULL };
  g_autoptr (GUnixFDList) last = NULL;
  guint refused = 0;
  int ends[2];

  g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new_from_array (ends, 2);

  for (gsize i = 0; i < G_N_ELEMENTS (results); i++)
    aip_bus_secret_read_async (list, 0, 2000, NULL, result_cb, &results[i]);
  for (gsize i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr (GError) error = NULL;

      while (results[i] == NULL)
        g_main_context_iteration (NULL, TRUE);
      g_assert_null (aip_bus_secret_read_finish (results[i], &error));
      if (g_error_matches (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE))
        refused++;
      else
        g_assert_error (error, AIP_ERROR, AIP_ERROR_TIMED_OUT);
      g_object_unref (results[i]);
    }
  g_assert_cmpuint (refused, >=, 8);
  g_assert_cmpuint (refused, <, G_N_ELEMENTS (results));

  for (gboolean taken = FALSE; !taken;)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (AipSecret) secret = NULL;

      g_clear_object (&last);
      last = make_list ("sk-1", 4);
      secret = read_from (last, 0, &error);
      taken = secret != NULL;
      g_assert_true (taken || g_error_matches (error, AIP_ERROR, AIP_ERROR_UNAVAILABLE));
    }
}

/* Whether everybody has let go of the other end; threads that are stuck never do. */
static gboolean
is_let_go_of (int fd)
{
  for (guint i = 0; i < 2000; i++)
    {
      struct pollfd polled = { .fd = fd };

      if (poll (&polled, 1, 10) > 0 && (polled.revents & (POLLERR | POLLHUP)) != 0)
        return TRUE;
      g_main_context_iteration (NULL, FALSE);
    }
  return FALSE;
}

static void
read_often_what_is_there_once (int read_end, int write_end)
{
  GAsyncResult *results[16] = { NULL };
  GUnixFDList *list = g_unix_fd_list_new_from_array (&read_end, 1);

  for (gsize i = 0; i < G_N_ELEMENTS (results); i++)
    aip_bus_secret_read_async (list, 0, 100, NULL, result_cb, &results[i]);
  /* All of them wait by then, as a rule; where not, the next time. */
  g_usleep (20 * 1000);
  g_assert_cmpint (write (write_end, "x", 1), ==, 1);
  /* Not before: if they had given up already, nobody could be written to. */
  g_object_unref (list);
  for (gsize i = 0; i < G_N_ELEMENTS (results); i++)
    {
      g_autoptr (GError) error = NULL;

      while (results[i] == NULL)
        g_main_context_iteration (NULL, TRUE);
      g_assert_null (aip_bus_secret_read_finish (results[i], &error));
      g_assert_error (error, AIP_ERROR, AIP_ERROR_TIMED_OUT);
      g_object_unref (results[i]);
    }
  g_assert_true (is_let_go_of (write_end));
  close (write_end);
}

/* All are told that there is something to read, and one of them gets it: the others must not wait for ever.
 */
static void
test_shared_descriptor (void)
{
  for (guint i = 0; i < 10; i++)
    {
      int ends[2];

      g_assert_true (g_unix_open_pipe (ends, FD_CLOEXEC, NULL));
      read_often_what_is_there_once (ends[0], ends[1]);
      g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
      read_often_what_is_there_once (ends[0], ends[1]);
    }
}

static void
test_kinds (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (AipSecret) secret = NULL;
  g_autofree char *path = NULL;
  int event = eventfd (0, EFD_CLOEXEC);
  int file = g_file_open_tmp (NULL, &path, NULL);
  int ends[2];
  int fds[3] = { event, file, -1 };

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  fds[2] = ends[0];
  g_autoptr (GUnixFDList) list = g_unix_fd_list_new_from_array (fds, G_N_ELEMENTS (fds));

  g_assert_null (read_from (list, 0, &error));
  g_assert_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);

  g_assert_cmpint (write (file, "sk-1\n", 5), ==, 5);
  g_assert_cmpint (lseek (file, 0, SEEK_SET), ==, 0);
  secret = read_from (list, 1, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (aip_secret_peek (secret, NULL), ==, "sk-1");
  g_clear_pointer (&secret, aip_secret_unref);

  g_assert_cmpint (write (ends[1], "sk-2\n", 5), ==, 5);
  close (ends[1]);
  secret = read_from (list, 2, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (aip_secret_peek (secret, NULL), ==, "sk-2");
  g_assert_cmpint (unlink (path), ==, 0);
}

static void
test_pipe (void)
{
  g_autoptr (AipSecret) token = aip_secret_new ("aip-token", -1);
  g_autoptr (GError) error = NULL;
  g_autoptr (GUnixFDList) list = aip_bus_secret_make_pipe (token, &error);
  g_autoptr (AipSecret) read = NULL;

  g_assert_no_error (error);
  g_assert_cmpint (g_unix_fd_list_get_length (list), ==, 1);
  read = read_from (list, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (aip_secret_peek (read, NULL), ==, "aip-token");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/bus/secret/line-breaks", test_line_breaks);
  g_test_add_func ("/bus/secret/lengths", test_lengths);
  g_test_add_func ("/bus/secret/indices", test_indices);
  g_test_add_func ("/bus/secret/unreadable", test_unreadable);
  g_test_add_func ("/bus/secret/giving-up", test_giving_up);
  g_test_add_func ("/bus/secret/silent-pipe", test_silent_pipe);
  g_test_add_func ("/bus/secret/slow-pipe", test_slow_pipe);
  g_test_add_func ("/bus/secret/many-at-once", test_many_at_once);
  g_test_add_func ("/bus/secret/shared-descriptor", test_shared_descriptor);
  g_test_add_func ("/bus/secret/kinds", test_kinds);
  g_test_add_func ("/bus/secret/pipe", test_pipe);

  return g_test_run ();
}
