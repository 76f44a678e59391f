/* SPDX-License-Identifier: MIT */
#include "client/aip-remote-secret.h"

#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#include "base/aip-error.h"

static int
pipe_with (const char *text, gsize length)
{
  int fds[2];

  g_assert_true (g_unix_open_pipe (fds, FD_CLOEXEC, NULL));
  g_assert_cmpint (write (fds[1], text, length), ==, (gssize) length);
  close (fds[1]);
  return fds[0];
}

static void
test_there_and_back (void)
{
  g_autofree char *longest = g_strnfill (AIP_REMOTE_MAX_SECRET, 'x');
  const char *const secrets[] = { "s", "sk-fake", longest };

  for (gsize i = 0; i < G_N_ELEMENTS (secrets); i++)
    {
      g_autoptr (GError) error = NULL;
      int fd = aip_remote_secret_to_pipe (secrets[i], strlen (secrets[i]), &error);
      g_autoptr (AipRemoteSecretText) back = NULL;

      g_assert_no_error (error);
      back = aip_remote_secret_from_pipe (fd, &error);
      g_assert_no_error (error);
      g_assert_true (g_str_equal (back, secrets[i]));
      close (fd);
    }
}

static void
test_one_line_break_at_the_end (void)
{
  int fd = pipe_with ("token\n", 6);
  g_autoptr (AipRemoteSecretText) token = aip_remote_secret_from_pipe (fd, NULL);

  g_assert_cmpstr (token, ==, "token");
  close (fd);
}

static void
test_no_token (void)
{
  g_autofree char *huge = g_strnfill (AIP_REMOTE_MAX_SECRET + 100, 'x');
  const struct
  {
    const char *text;
    gsize length;
  } cases[] = { { "", 0 }, { "\n", 1 }, { "a\0b", 3 }, { huge, AIP_REMOTE_MAX_SECRET + 100 } };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      int fd = pipe_with (cases[i].text, cases[i].length);

      g_assert_null (aip_remote_secret_from_pipe (fd, &error));
      g_assert_error (error, AIP_ERROR, AIP_ERROR_FAILED);
      close (fd);
    }
}

static void
test_buffers_are_empty (void)
{
  g_autoptr (AipRemoteSecretText) buffer = aip_remote_secret_new_buffer ();

  for (gsize i = 0; i < AIP_REMOTE_MAX_SECRET + 2; i++)
    g_assert_cmpint (buffer[i], ==, 0);
  aip_remote_secret_free (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/client/secret/there-and-back", test_there_and_back);
  g_test_add_func ("/client/secret/line-break", test_one_line_break_at_the_end);
  g_test_add_func ("/client/secret/no-token", test_no_token);
  g_test_add_func ("/client/secret/buffers", test_buffers_are_empty);
  return g_test_run ();
}
