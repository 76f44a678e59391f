/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-bus-secret.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixinputstream.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/aip-error.h"

#define MAX_LENGTH 8192
#define TIME_LIMIT_S 5

/* What a caller's descriptor gives, on its way to becoming a secret. The buffer has room for one byte too
 * many and a line break. */
typedef struct
{
  GInputStream *stream;
  GCancellable *cancellable;
  GCancellable *outer; /* (nullable): the caller's */
  gulong handler;      /* of @outer */
  guint timer;
  gsize length;
  char *buffer; /* locked */
} Reading;

#define BUFFER_SIZE (MAX_LENGTH + 2)

static void
reading_free (Reading *reading)
{
  g_clear_handle_id (&reading->timer, g_source_remove);
  if (reading->handler != 0)
    g_cancellable_disconnect (reading->outer, reading->handler);
  g_clear_object (&reading->outer);
  g_object_unref (reading->stream);
  g_object_unref (reading->cancellable);
  aip_secret_wipe (reading->buffer, BUFFER_SIZE);
  munmap (reading->buffer, BUFFER_SIZE);
  g_free (reading);
}

static gboolean
too_late_cb (gpointer user_data)
{
  Reading *reading = user_data;

  reading->timer = 0;
  g_cancellable_cancel (reading->cancellable);
  return G_SOURCE_REMOVE;
}

static void
cancelled_cb (GCancellable *outer, gpointer inner)
{
  g_cancellable_cancel (inner);
}

static void
finish (GTask *task)
{
  Reading *reading = g_task_get_task_data (task);
  gsize length = reading->length;

  if (length > 0 && reading->buffer[length - 1] == '\n')
    length--;
  if (length > 0 && reading->buffer[length - 1] == '\r')
    length--;
  if (length > MAX_LENGTH)
    g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_TOO_LARGE,
                             "the secret is longer than %d bytes; send the key alone", MAX_LENGTH);
  else if (length == 0)
    g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                             "the secret is empty; send the key through the descriptor");
  else
    {
      for (gsize i = 0; i < length; i++)
        if (g_ascii_iscntrl (reading->buffer[i]))
          {
            g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                                     "the secret has a line break or another control character in it; "
                                     "send the key alone");
            return;
          }
      g_task_return_pointer (task, aip_secret_new (reading->buffer, (gssize) length),
                             (GDestroyNotify) aip_secret_unref);
    }
}

static void read_on (GTask *task);

static void
read_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Reading *reading = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;
  gssize n = g_input_stream_read_finish (reading->stream, result, &error);

  if (n < 0 && reading->outer != NULL && g_cancellable_is_cancelled (reading->outer))
    g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_CANCELLED, "the daemon ends; nothing was changed");
  else if (n < 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_TIMED_OUT,
                             "the secret did not end within %d s; close the writing end of the pipe",
                             TIME_LIMIT_S);
  else if (n < 0)
    g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT, "the secret cannot be read: %s",
                             error->message);
  else
    {
      reading->length += (gsize) n;
      if (n > 0 && reading->length < BUFFER_SIZE)
        read_on (g_steal_pointer (&task));
      else
        finish (task);
    }
}

static void
read_on (GTask *task)
{
  Reading *reading = g_task_get_task_data (task);

  g_input_stream_read_async (reading->stream, reading->buffer + reading->length,
                             BUFFER_SIZE - reading->length, G_PRIORITY_DEFAULT, reading->cancellable, read_cb,
                             task);
}

/**
 * aip_bus_secret_read_async:
 * @list: (nullable): the descriptors that came with a call
 * @index: which of them to read
 * @cancellable: (nullable): to give up
 * @callback: called when it was read to its end
 * @user_data: for @callback
 *
 * Reads a secret, at most 8 KiB within 5 s; one line break at its end does not count.
 */
void
aip_bus_secret_read_async (GUnixFDList *list,
                           gint32 index,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback,
                           void *user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);
  g_autoptr (GError) error = NULL;
  Reading *reading;
  void *buffer;
  int fd;

  g_task_set_source_tag (task, aip_bus_secret_read_async);
  /* The index is the caller's word, and the list does not check it. */
  fd = list != NULL && index >= 0 && index < g_unix_fd_list_get_length (list)
           ? g_unix_fd_list_get (list, index, &error)
           : -1;
  if (fd < 0)
    {
      g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                               "the descriptor did not come along with the call");
      return;
    }
  buffer = mmap (NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (buffer == MAP_FAILED)
    {
      close (fd);
      g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_FAILED, "no memory for the secret");
      return;
    }
  /* Where the limit of locked memory is used up the page is merely not locked. */
  (void) mlock (buffer, BUFFER_SIZE);
  madvise (buffer, BUFFER_SIZE, MADV_DONTDUMP);
  reading = g_new0 (Reading, 1);
  reading->buffer = buffer;
  reading->stream = g_unix_input_stream_new (fd, TRUE);
  reading->cancellable = g_cancellable_new ();
  reading->timer = g_timeout_add_seconds (TIME_LIMIT_S, too_late_cb, reading);
  g_task_set_task_data (task, reading, (GDestroyNotify) reading_free);
  if (cancellable != NULL)
    {
      reading->outer = g_object_ref (cancellable);
      reading->handler = g_cancellable_connect (cancellable, G_CALLBACK (cancelled_cb),
                                                g_object_ref (reading->cancellable), g_object_unref);
    }
  read_on (g_steal_pointer (&task));
}

/**
 * aip_bus_secret_read_finish:
 * @result: what the callback got
 * @error: return location for AIP_ERROR_INVALID_ARGUMENT, AIP_ERROR_TOO_LARGE, AIP_ERROR_TIMED_OUT
 * or AIP_ERROR_CANCELLED
 *
 * Returns: (transfer full) (nullable): the secret
 */
AipSecret *
aip_bus_secret_read_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * aip_bus_secret_make_pipe:
 * @secret: a token of ours, shorter than a pipe's buffer
 * @error: return location for AIP_ERROR_FAILED
 *
 * Returns: (transfer full) (nullable): a list of one descriptor to read it from
 */
GUnixFDList *
aip_bus_secret_make_pipe (AipSecret *secret, GError **error)
{
  gsize length;
  const char *text = aip_secret_peek (secret, &length);
  int ends[2];
  gboolean written;

  if (pipe2 (ends, O_CLOEXEC | O_NONBLOCK) != 0)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED, "no pipe for the token: %s", g_strerror (errno));
      return NULL;
    }
  written = write (ends[1], text, length) == (gssize) length;
  close (ends[1]);
  if (!written)
    {
      close (ends[0]);
      g_set_error (error, AIP_ERROR, AIP_ERROR_FAILED, "the token does not fit into a pipe");
      return NULL;
    }
  return g_unix_fd_list_new_from_array (ends, 1);
}
