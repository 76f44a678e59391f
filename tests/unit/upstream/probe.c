/* SPDX-License-Identifier: MIT */
#include "probe.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Open descriptors of this process. */
guint
count_fds (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  return n;
}

/* Memory of this process that is really there. */
gsize
resident_bytes (void)
{
  g_autofree char *text = NULL;
  gsize pages = 0;

  g_assert_true (g_file_get_contents ("/proc/self/statm", &text, NULL, NULL));
  g_assert_cmpint (sscanf (text, "%*u %zu", &pages), ==, 1);
  return pages * sysconf (_SC_PAGESIZE);
}

void
bench_init (Bench *self)
{
  self->context = g_main_context_new ();
  g_main_context_push_thread_default (self->context);
  self->n_fds = count_fds ();
  self->loop = aip_loop_new (self->context);
  self->upstream = aip_upstream_new (self->loop);
}

/* Also checks that nothing was left open. */
void
bench_clear (Bench *self)
{
  g_clear_pointer (&self->upstream, aip_upstream_free);
  g_clear_pointer (&self->loop, aip_loop_free);
  g_assert_cmpuint (count_fds (), ==, self->n_fds);
  g_main_context_pop_thread_default (self->context);
  g_main_context_unref (self->context);
}

void
bench_turn (Bench *self)
{
  g_main_context_iteration (self->context, TRUE);
}

static gboolean
wake_up_cb (void *user_data)
{
  *(gboolean *) user_data = TRUE;
  return G_SOURCE_REMOVE;
}

/* Returns how often the loop turned in that time. */
guint
bench_run_for (Bench *self, guint ms)
{
  GSource *source = g_timeout_source_new (ms);
  gboolean over = FALSE;
  guint turns = 0;

  g_source_set_callback (source, wake_up_cb, &over, NULL);
  g_source_attach (source, self->context);
  while (!over)
    {
      bench_turn (self);
      turns++;
    }
  g_source_unref (source);
  return turns;
}

void
probe_init (Probe *self, Bench *bench)
{
  *self = (Probe){ .bench = bench, .room = G_MAXSIZE, .piece = G_MAXSIZE };
  self->headers = g_string_new (NULL);
  self->body = g_string_new (NULL);
}

void
probe_clear (Probe *self)
{
  g_string_free (self->headers, TRUE);
  g_string_free (self->body, TRUE);
  g_free (self->message);
}

static gboolean
cancel_here (Probe *self, char where)
{
  if (self->cancel_in != where)
    return FALSE;
  aip_transfer_cancel (g_steal_pointer (&self->transfer));
  return TRUE;
}

static void
head_cb (AipTransfer *transfer, guint status, const AipHeaderView *headers, gsize n_headers, void *user_data)
{
  Probe *self = user_data;

  g_assert_true (transfer == self->transfer);
  g_assert_cmpuint (self->n_done, ==, 0);
  self->n_heads++;
  self->status = status;
  for (gsize i = 0; i < n_headers; i++)
    g_string_append_printf (self->headers, "%.*s=%.*s;", (int) headers[i].name_length, headers[i].name,
                            (int) headers[i].value_length, headers[i].value);
  cancel_here (self, 'h');
}

static gboolean
body_cb (AipTransfer *transfer, const char *data, gsize length, void *user_data)
{
  Probe *self = user_data;

  g_assert_cmpuint (self->n_heads, ==, 1);
  g_assert_cmpuint (self->n_done, ==, 0);
  g_assert_cmpuint (length, >, 0);
  self->n_bodies++;
  if (cancel_here (self, 'b'))
    return TRUE;
  if (self->body->len + length > self->room)
    {
      self->n_refused++;
      return FALSE;
    }
  g_string_append_len (self->body, data, length);
  return TRUE;
}

static gssize
read_cb (AipTransfer *transfer, char *buffer, gsize size, void *user_data)
{
  Probe *self = user_data;
  gsize n = MIN (MIN (size, self->piece), strlen (self->upload));

  if (cancel_here (self, 'r'))
    return -1;
  if (self->pauses > 0)
    {
      self->pauses--;
      return -1;
    }
  if (self->upload_breaks)
    return -2;
  memcpy (buffer, self->upload, n);
  self->upload += n;
  return n;
}

static void
done_cb (AipTransfer *transfer, const AipTransferResult *result, void *user_data)
{
  Probe *self = user_data;

  g_assert_true (transfer == self->transfer);
  self->n_done++;
  self->result = *result;
  self->message = g_strdup (result->message);
  self->result.message = self->message;
  cancel_here (self, 'd');
  self->transfer = NULL;
}

const AipTransferFuncs probe_funcs = { head_cb, body_cb, read_cb, done_cb };

void
probe_start (Probe *self, const AipTransferRequest *request)
{
  self->transfer = aip_upstream_start (self->bench->upstream, request, &probe_funcs, self);
  g_assert_cmpuint (self->n_heads + self->n_done, ==, 0);
}

void
probe_wait (Probe *self)
{
  while (self->transfer != NULL)
    bench_turn (self->bench);
}

void
probe_run (Probe *self, const AipTransferRequest *request)
{
  probe_start (self, request);
  probe_wait (self);
}

void
probe_get (Probe *self, const char *url)
{
  probe_run (self, &(AipTransferRequest){ .method = "GET", .url = url, .verify_tls = TRUE });
}
