/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-bus-secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/aip-error.h"

#define MAX_LENGTH 8192

/* Of a file or terminal, each may be stuck for as long as the caller's file system or terminal likes. */
#define MAX_THREADS 32

/* The buffer has room for one byte too many and a line break. */
#define BUFFER_SIZE (MAX_LENGTH + 2)

/*
 * What a caller's descriptor gives, on its way to becoming a secret. Each is read in a thread of its own: a
 * read() of it may block (a file on a server that is gone), and whether it does is not ours to say. The
 * answer does not wait for the thread.
 *
 * That there is something to read is no promise that it is still there for us: another one may read from the
 * same pipe. O_NONBLOCK would be set for the caller too, as it belongs to what both descriptors refer to. So
 * each kind is read in its own way that never waits, where there is one.
 */
typedef struct
{
  /* Of the main thread. */
  GTask *task;         /* (nullable): it is answered already */
  GCancellable *outer; /* (nullable): the caller's */
  gulong handler;      /* of @outer */
  guint timer;
  guint time_limit; /* ms */

  /* Of the reading thread, until it ends. */
  int fd;
  mode_t kind;    /* its S_IFMT */
  int conduit[2]; /* of a pipe: what takes from it without waiting; -1: none */
  int fault;      /* errno, 0: none */
  gsize length;
  char *buffer; /* locked */

  GCancellable *stop; /* of both: nobody waits for it any more */
} Reading;

static guint n_threads; /* of the main thread: that have not ended */

static void
reading_free (Reading *reading)
{
  g_clear_handle_id (&reading->timer, g_source_remove);
  if (reading->handler != 0)
    g_cancellable_disconnect (reading->outer, reading->handler);
  g_clear_object (&reading->outer);
  g_clear_object (&reading->task);
  g_object_unref (reading->stop);
  aip_secret_wipe (reading->buffer, BUFFER_SIZE);
  munmap (reading->buffer, BUFFER_SIZE);
  g_free (reading);
}

/* --- the thread --- */

static gboolean
prepare (Reading *reading)
{
  struct stat status;

  if (fstat (reading->fd, &status) == 0)
    {
      reading->kind = status.st_mode & S_IFMT;
      /* An eventfd and the like, which hold no secrets. */
      if (reading->kind == 0)
        errno = EINVAL;
      else if (reading->kind != S_IFIFO || pipe2 (reading->conduit, O_CLOEXEC) == 0)
        return TRUE;
    }
  reading->fault = errno;
  return FALSE;
}

static gssize
read_now (const Reading *reading)
{
  char *end = reading->buffer + reading->length;
  gsize room = BUFFER_SIZE - reading->length;
  gssize n;

  switch (reading->kind)
    {
    case S_IFIFO:
      n = splice (reading->fd, NULL, reading->conduit[1], NULL, room, SPLICE_F_NONBLOCK);
      return n > 0 ? read (reading->conduit[0], end, (gsize) n) : n;
    case S_IFSOCK:
      return recv (reading->fd, end, room, MSG_DONTWAIT);
    default:
      return read (reading->fd, end, room);
    }
}

/* Returns: whether there may be more */
static gboolean
read_some (Reading *reading)
{
  gssize n = read_now (reading);

  if (n < 0)
    {
      reading->fault = errno == EINTR || errno == EAGAIN ? 0 : errno;
      return reading->fault == 0;
    }
  reading->length += (gsize) n;
  return n > 0 && reading->length < BUFFER_SIZE;
}

static void
read_all (Reading *reading)
{
  GPollFD polled[2] = { { .fd = reading->fd, .events = G_IO_IN } };
  guint n = g_cancellable_make_pollfd (reading->stop, &polled[1]) ? 2 : 1;

  /* Where no descriptor is left to be woken by, it ends with the time limit. */
  do
    g_poll (polled, n, (int) reading->time_limit);
  while (!g_cancellable_is_cancelled (reading->stop) && (polled[0].revents == 0 || read_some (reading)));
  if (n == 2)
    g_cancellable_release_fd (reading->stop);
}

static void
close_conduit (const Reading *reading)
{
  for (gsize i = 0; i < G_N_ELEMENTS (reading->conduit); i++)
    if (reading->conduit[i] >= 0)
      close (reading->conduit[i]);
}

static gboolean read_to_end_cb (gpointer data);

static gpointer
read_thread (gpointer data)
{
  Reading *reading = data;

  if (prepare (reading))
    read_all (reading);
  close_conduit (reading);
  /* Also this may block. */
  close (reading->fd);
  g_idle_add_full (G_PRIORITY_DEFAULT, read_to_end_cb, reading, NULL);
  return NULL;
}

/* --- the main thread --- */

static void answer_with_error (Reading *reading, AipError code, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
answer_with_error (Reading *reading, AipError code, const char *format, ...)
{
  g_autoptr (GTask) task = g_steal_pointer (&reading->task);
  va_list arguments;

  va_start (arguments, format);
  g_task_return_error (task, g_error_new_valist (AIP_ERROR, (int) code, format, arguments));
  va_end (arguments);
}

static gboolean
has_control_character (const char *text, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (g_ascii_iscntrl (text[i]))
      return TRUE;
  return FALSE;
}

static void
answer (Reading *reading)
{
  g_autoptr (GTask) task = NULL;
  gsize length = reading->length;

  if (length > 0 && reading->buffer[length - 1] == '\n')
    length--;
  if (length > 0 && reading->buffer[length - 1] == '\r')
    length--;
  if (length > MAX_LENGTH)
    answer_with_error (reading, AIP_ERROR_TOO_LARGE, "the secret is longer than %d bytes; send the key alone",
                       MAX_LENGTH);
  else if (length == 0)
    answer_with_error (reading, AIP_ERROR_INVALID_ARGUMENT,
                       "the secret is empty; send the key through the descriptor");
  else if (has_control_character (reading->buffer, length))
    answer_with_error (reading, AIP_ERROR_INVALID_ARGUMENT,
                       "the secret has a line break or another control character in it; send the key alone");
  else
    {
      task = g_steal_pointer (&reading->task);
      g_task_return_pointer (task, aip_secret_new (reading->buffer, (gssize) length),
                             (GDestroyNotify) aip_secret_unref);
    }
}

static gboolean
read_to_end_cb (gpointer data)
{
  Reading *reading = data;

  n_threads--;
  if (reading->task != NULL && reading->fault != 0)
    answer_with_error (reading, AIP_ERROR_INVALID_ARGUMENT, "the secret cannot be read: %s",
                       g_strerror (reading->fault));
  else if (reading->task != NULL)
    answer (reading);
  reading_free (reading);
  return G_SOURCE_REMOVE;
}

static gboolean
too_late_cb (gpointer user_data)
{
  Reading *reading = user_data;

  reading->timer = 0;
  g_cancellable_cancel (reading->stop);
  if (reading->task != NULL)
    answer_with_error (reading, AIP_ERROR_TIMED_OUT,
                       "the secret did not end within %g s; close the writing end of the pipe",
                       reading->time_limit / 1000.0);
  return G_SOURCE_REMOVE;
}

static void
cancelled_cb (GCancellable *outer, gpointer user_data)
{
  Reading *reading = user_data;

  g_cancellable_cancel (reading->stop);
  if (reading->task != NULL)
    answer_with_error (reading, AIP_ERROR_CANCELLED, "the daemon ends; nothing was changed");
}

/* Returns: (nullable): memory that is wiped, not swapped out where that can be had, and in no core file */
static char *
map_buffer (void)
{
  void *buffer = mmap (NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (buffer == MAP_FAILED)
    return NULL;
  /* Where the limit of locked memory is used up the page is merely not locked. */
  (void) mlock (buffer, BUFFER_SIZE);
  madvise (buffer, BUFFER_SIZE, MADV_DONTDUMP);
  return buffer;
}

static void
start_reading (GTask *task, int fd, char *buffer, guint time_limit, GCancellable *cancellable)
{
  Reading *reading = g_new0 (Reading, 1);
  g_autoptr (GThread) thread = NULL;
  g_autoptr (GError) error = NULL;

  reading->task = g_object_ref (task);
  reading->time_limit = time_limit;
  reading->fd = fd;
  reading->conduit[0] = reading->conduit[1] = -1;
  reading->buffer = buffer;
  reading->stop = g_cancellable_new ();
  reading->timer = g_timeout_add (time_limit, too_late_cb, reading);
  if (cancellable != NULL)
    {
      reading->outer = g_object_ref (cancellable);
      reading->handler = g_cancellable_connect (cancellable, G_CALLBACK (cancelled_cb), reading, NULL);
    }
  thread = g_thread_try_new ("secret", read_thread, reading, &error);
  if (thread != NULL)
    {
      n_threads++;
      return;
    }
  if (reading->task != NULL)
    answer_with_error (reading, AIP_ERROR_UNAVAILABLE, "the secret cannot be read now: %s", error->message);
  close (fd);
  reading_free (reading);
}

/**
 * aip_bus_secret_read_async:
 * @list: (nullable): the descriptors that came with a call
 * @index: which of them to read
 * @time_limit: in ms, usually AIP_BUS_SECRET_TIME_LIMIT
 * @cancellable: (nullable): to give up
 * @callback: called when it was read to its end
 * @user_data: for @callback
 *
 * Reads a secret, at most 8 KiB within the time limit; one line break at its end does not count. Called from
 * the main thread, which never waits for the descriptor, whatever it is.
 */
void
aip_bus_secret_read_async (GUnixFDList *list,
                           gint32 index,
                           guint time_limit,
                           GCancellable *cancellable,
                           GAsyncReadyCallback callback,
                           void *user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);
  g_autoptr (GError) error = NULL;
  char *buffer;
  int fd;

  g_task_set_source_tag (task, aip_bus_secret_read_async);
  if (n_threads >= MAX_THREADS)
    {
      g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_UNAVAILABLE,
                               "too many secrets are being read at once; try again in a while");
      return;
    }
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
  buffer = map_buffer ();
  if (buffer == NULL)
    {
      close (fd);
      g_task_return_new_error (task, AIP_ERROR, AIP_ERROR_FAILED, "no memory for the secret");
      return;
    }
  start_reading (task, fd, buffer, time_limit, cancellable);
}

/**
 * aip_bus_secret_read_finish:
 * @result: what the callback got
 * @error: return location for AIP_ERROR_INVALID_ARGUMENT, AIP_ERROR_TOO_LARGE, AIP_ERROR_TIMED_OUT,
 * AIP_ERROR_UNAVAILABLE (too many at once) or AIP_ERROR_CANCELLED
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
