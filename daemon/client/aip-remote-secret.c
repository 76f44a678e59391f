/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-remote-secret"

#include "client/aip-remote-secret.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/aip-error.h"

/* All secrets' buffers have one size, so that they can be wiped and freed without knowing how full they are.
 */
#define BUFFER_SIZE (AIP_REMOTE_SECRET_ROOM + 1)

/* A daemon that hands over a pipe has the token ready. */
#define READ_TIMEOUT_MS 10000

/**
 * aip_remote_secret_new_buffer:
 *
 * Makes room for AIP_REMOTE_SECRET_ROOM bytes and a terminator; kept out of the
 * swap where the limits allow it, and out of core dumps.
 *
 * Returns: (transfer full): zeroed memory, for aip_remote_secret_free ()
 */
char *
aip_remote_secret_new_buffer (void)
{
  char *buffer = mmap (NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (buffer == MAP_FAILED)
    g_error ("no memory for a secret: %s", g_strerror (errno));
  (void) mlock (buffer, BUFFER_SIZE);
  (void) madvise (buffer, BUFFER_SIZE, MADV_DONTDUMP);
  return buffer;
}

/**
 * aip_remote_secret_free:
 * @secret: (nullable): from aip_remote_secret_new_buffer (), or what other functions of this library return
 * as a secret or token
 *
 * Wipes it and frees it.
 */
void
aip_remote_secret_free (char *secret)
{
  if (secret == NULL)
    return;
  explicit_bzero (secret, BUFFER_SIZE);
  munmap (secret, BUFFER_SIZE);
}

/**
 * aip_remote_secret_to_pipe:
 * @secret: a secret
 * @length: its length in bytes, at most AIP_REMOTE_MAX_SECRET
 * @error: return location for an error
 *
 * Puts a secret where a file descriptor can carry it over the bus. A pipe holds so much without a reader.
 *
 * Returns: the descriptor to read from, for close (); -1 on error
 */
int
aip_remote_secret_to_pipe (const char *secret, gsize length, GError **error)
{
  /* The reader takes one line break off; that is to be this one, and none of the secret's own. */
  const struct iovec parts[] = { { (char *) secret, length }, { (char *) "\n", 1 } };
  int fds[2];
  gssize written;

  g_return_val_if_fail (secret != NULL, -1);
  g_return_val_if_fail (length <= AIP_REMOTE_MAX_SECRET, -1);

  if (!g_unix_open_pipe (fds, FD_CLOEXEC, error))
    return -1;
  do
    written = writev (fds[1], parts, G_N_ELEMENTS (parts));
  while (written < 0 && errno == EINTR);
  close (fds[1]);
  if (written == (gssize) length + 1)
    return fds[0];

  g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED, "cannot write a secret to a pipe: %s", g_strerror (errno));
  close (fds[0]);
  return -1;
}

static gssize
read_some (int fd, char *buffer, gsize room, GError **error)
{
  struct pollfd ready = { .fd = fd, .events = POLLIN };
  int n = poll (&ready, 1, READ_TIMEOUT_MS);
  gssize got = n > 0 ? read (fd, buffer, room) : -1;

  if (n == 0)
    g_set_error (error, AIP_ERROR, AIP_ERROR_TIMED_OUT, "the daemon handed over a pipe but no token");
  else if (got < 0 && errno == EINTR)
    return read_some (fd, buffer, room, error);
  else if (got < 0)
    g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED, "cannot read a token: %s", g_strerror (errno));
  return got;
}

/**
 * aip_remote_secret_from_pipe:
 * @fd: where to read; not closed
 * @error: return location for an error
 *
 * Reads a token to its end; one line break at the end does not belong to it.
 *
 * Returns: (transfer full) (nullable): the token, for aip_remote_secret_free ()
 */
char *
aip_remote_secret_from_pipe (int fd, GError **error)
{
  g_autoptr (AipRemoteSecretText) token = aip_remote_secret_new_buffer ();
  gsize length = 0;
  gssize got;

  g_return_val_if_fail (fd >= 0, NULL);

  while ((got = read_some (fd, token + length, AIP_REMOTE_MAX_SECRET + 1 - length, error)) > 0)
    length += (gsize) got;
  if (got < 0)
    return NULL;

  if (length > 0 && token[length - 1] == '\n')
    length--;
  token[length] = '\0';
  if (length == 0 || length > AIP_REMOTE_MAX_SECRET || strlen (token) != length)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED, "what the daemon handed over is no token");
      return NULL;
    }
  return g_steal_pointer (&token);
}
