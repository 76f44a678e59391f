/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-first-token"

#include "policy/aip-first-token.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/aip-error.h"
#include "base/aip-secret.h"

#define PREFIX "aip-"
#define N_RANDOM_BYTES 32
#define N_RANDOM_CHARACTERS 43 /* 32 bytes in base64 without padding */
#define TOKEN_LENGTH (sizeof PREFIX - 1 + N_RANDOM_CHARACTERS)
#define FILE_NAME "token"
#define DIRECTORY_MODE 0700
#define FILE_MODE 0600

static void
fill_random (guint8 *buffer, gsize size)
{
  gsize length = 0;

  while (length < size)
    {
      gssize n = getrandom (buffer + length, size - length, 0);

      if (n >= 0)
        length += (gsize) n;
      else if (errno != EINTR)
        g_error ("the system has no random numbers: %s", g_strerror (errno));
    }
}

/**
 * aip_first_token_make:
 *
 * Makes a token of 32 bytes from getrandom(2), in the URL-safe alphabet of RFC 4648, section 5.
 *
 * Returns: (transfer full): "aip-" and 43 characters
 */
char *
aip_first_token_make (void)
{
  guint8 random[N_RANDOM_BYTES];

  fill_random (random, sizeof random);

  char *base64 = g_base64_encode (random, sizeof random);
  base64[N_RANDOM_CHARACTERS] = '\0';
  g_strdelimit (base64, "+", '-');
  g_strdelimit (base64, "/", '_');

  char *token = g_strconcat (PREFIX, base64, NULL);

  aip_secret_wipe (base64, N_RANDOM_CHARACTERS);
  aip_secret_wipe (random, sizeof random);
  g_free (base64);

  return token;
}

static gboolean
is_token (const char *text, gsize length)
{
  if (length != TOKEN_LENGTH || memcmp (text, PREFIX, strlen (PREFIX)) != 0)
    return FALSE;

  for (gsize i = 0; i < length; i++)
    if (!g_ascii_isalnum (text[i]) && text[i] != '-' && text[i] != '_')
      return FALSE;

  return TRUE;
}

static void
set_errno_error (GError **error, const char *what, const char *path)
{
  int saved = errno;

  g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED,
               "cannot %s %s: %s; the first client's token is to lie there: let this user write there, set "
               "XDG_STATE_HOME to a folder where it may, or add [client NAME] with token-sha256",
               what, path, g_strerror (saved));
}

static gboolean
check_file (int fd, const char *path, GError **error)
{
  struct stat st;

  if (fstat (fd, &st) == -1)
    {
      set_errno_error (error, "read", path);
      return FALSE;
    }

  if (!S_ISREG (st.st_mode) || st.st_uid != geteuid ())
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED,
                   "%s is not a file of the daemon's user: remove it, a new one is made at the next start",
                   path);
      return FALSE;
    }

  if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    {
      g_set_error (
          error, AIP_ERROR, AIP_ERROR_FAILED,
          "%s can be used by others than its owner: run `chmod 600 %s`, or remove it if others may have "
          "read it",
          path, path);
      return FALSE;
    }

  return TRUE;
}

static char *
read_token (int fd, const char *path, GError **error)
{
  /* Room for a line break and for one byte too many. */
  char buffer[TOKEN_LENGTH + 2];
  gssize length = read (fd, buffer, sizeof buffer);
  char *token = NULL;

  if (length > 0 && buffer[length - 1] == '\n')
    length--;

  if (length == -1)
    set_errno_error (error, "read", path);
  else if (!is_token (buffer, (gsize) length))
    g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED,
                 "%s holds no token (`" PREFIX
                 "` and %d characters): remove it, a new one is made at the next start",
                 path, N_RANDOM_CHARACTERS);
  else
    token = g_strndup (buffer, (gsize) length);

  aip_secret_wipe (buffer, sizeof buffer);

  return token;
}

/* Returns NULL without an error when there is no such file. */
static char *
load_token (const char *path, GError **error)
{
  /* O_NONBLOCK: the open of a FIFO would wait for a writer. */
  int fd = open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  char *token = NULL;

  if (fd == -1)
    {
      if (errno != ENOENT)
        set_errno_error (error, "open", path);
      return NULL;
    }

  if (check_file (fd, path, error))
    token = read_token (fd, path, error);
  close (fd);

  return token;
}

static char *
load_present_token (const char *path, GError **error)
{
  g_autoptr (GError) problem = NULL;
  char *token = load_token (path, &problem);

  if (problem != NULL)
    g_propagate_error (error, g_steal_pointer (&problem));
  else if (token == NULL)
    g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED, "%s was removed while it was being read: start again",
                 path);

  return token;
}

static gboolean
write_token (int fd, const char *token)
{
  char line[TOKEN_LENGTH + 1];

  memcpy (line, token, TOKEN_LENGTH);
  line[TOKEN_LENGTH] = '\n';

  gssize n = write (fd, line, sizeof line);
  aip_secret_wipe (line, sizeof line);
  if (n >= 0 && n < (gssize) sizeof line)
    errno = ENOSPC;

  return n == (gssize) sizeof line && fsync (fd) == 0;
}

static void
sync_directory (const char *directory)
{
  int fd = open (directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (fd == -1)
    return;

  fsync (fd);
  close (fd);
}

/*
 * Writes a whole file beside @path and gives it that name, but only if the name is free: of two
 * daemons that start at once, the second to come finds the first one's token.
 */
static gboolean
save_token (const char *directory, const char *path, const char *token, gboolean *taken, GError **error)
{
  g_autofree char *temporary = g_strconcat (path, ".XXXXXX", NULL);
  int fd = g_mkstemp_full (temporary, O_WRONLY | O_CLOEXEC, FILE_MODE);

  if (fd == -1)
    {
      set_errno_error (error, "make a file in", directory);
      return FALSE;
    }

  gboolean linked = write_token (fd, token) && link (temporary, path) == 0;
  int saved = errno;

  *taken = !linked && saved == EEXIST;
  close (fd);
  unlink (temporary);

  if (!linked && !*taken)
    {
      errno = saved;
      set_errno_error (error, "write", path);
      return FALSE;
    }

  sync_directory (directory);

  return TRUE;
}

/**
 * aip_first_token_exists:
 * @state_dir: the daemon's folder
 *
 * Returns: whether an earlier start has left a token there, or what stands in for one
 */
gboolean
aip_first_token_exists (const char *state_dir)
{
  g_return_val_if_fail (state_dir != NULL, FALSE);

  g_autofree char *path = g_build_filename (state_dir, FILE_NAME, NULL);
  struct stat st;

  return lstat (path, &st) == 0;
}

/**
 * aip_first_token_load_or_create:
 * @state_dir: the daemon's folder; made with mode 0700 where it is missing
 * @created: (out): whether the token is new
 * @error: where to put an error; it names the file and never the token
 *
 * Gives the token of the file "token" in @state_dir, and makes one where there is none. The file is
 * whole or absent at any time, readable by its owner alone, and the same for all daemons that start
 * at once. One that others can use, or that holds something else, is refused.
 *
 * Returns: (transfer full) (nullable): the token, or %NULL with %AIP_ERROR_FAILED
 */
char *
aip_first_token_load_or_create (const char *state_dir, gboolean *created, GError **error)
{
  g_return_val_if_fail (state_dir != NULL && created != NULL, NULL);

  g_autofree char *path = g_build_filename (state_dir, FILE_NAME, NULL);
  g_autoptr (GError) problem = NULL;

  *created = FALSE;

  char *token = load_token (path, &problem);
  if (token != NULL)
    return token;

  if (problem != NULL)
    {
      g_propagate_error (error, g_steal_pointer (&problem));
      return NULL;
    }

  if (g_mkdir_with_parents (state_dir, DIRECTORY_MODE) == -1)
    {
      set_errno_error (error, "make the folder", state_dir);
      return NULL;
    }

  gboolean taken = FALSE;
  token = aip_first_token_make ();
  if (save_token (state_dir, path, token, &taken, error) && !taken)
    {
      *created = TRUE;
      return token;
    }

  aip_secret_wipe (token, strlen (token));
  g_free (token);

  return taken ? load_present_token (path, error) : NULL;
}

/**
 * aip_first_token_remove:
 * @state_dir: the daemon's folder
 *
 * Removes the file, when its token is kept elsewhere or no longer valid.
 */
void
aip_first_token_remove (const char *state_dir)
{
  g_autofree char *path = g_build_filename (state_dir, FILE_NAME, NULL);

  if (unlink (path) != 0 && errno != ENOENT)
    g_warning ("cannot remove %s: %s", path, g_strerror (errno));
}
