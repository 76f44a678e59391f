/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-replay-stream"

#include "server/aip-replay-stream.h"

#include <string.h>

/*
 * A stream that is read from some given bytes first and from another stream after them. GIO has nothing
 * like it that can be polled, as SoupServer's reading needs. Writing goes straight to the other stream.
 */

#define AIP_TYPE_REPLAY_INPUT (aip_replay_input_get_type ())
G_DECLARE_FINAL_TYPE (AipReplayInput, aip_replay_input, AIP, REPLAY_INPUT, GFilterInputStream)

struct _AipReplayInput
{
  GFilterInputStream parent_instance;

  GBytes *first; /* (owned) (not nullable) */
  gsize replayed;
};

static void aip_replay_input_pollable_init (GPollableInputStreamInterface *iface);

G_DEFINE_TYPE_WITH_CODE (AipReplayInput,
                         aip_replay_input,
                         G_TYPE_FILTER_INPUT_STREAM,
                         G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM, aip_replay_input_pollable_init))

static GPollableInputStream *
base_of (AipReplayInput *self)
{
  return G_POLLABLE_INPUT_STREAM (g_filter_input_stream_get_base_stream (G_FILTER_INPUT_STREAM (self)));
}

static gsize
replay (AipReplayInput *self, void *buffer, gsize count)
{
  gsize length;
  const char *data = g_bytes_get_data (self->first, &length);
  gsize n = MIN (count, length - self->replayed);

  if (n > 0)
    memcpy (buffer, data + self->replayed, n);
  self->replayed += n;
  return n;
}

static gssize
aip_replay_input_read (GInputStream *stream,
                       void *buffer,
                       gsize count,
                       GCancellable *cancellable,
                       GError **error)
{
  AipReplayInput *self = AIP_REPLAY_INPUT (stream);
  gsize n = replay (self, buffer, count);

  if (n > 0)
    return n;
  return g_input_stream_read (G_INPUT_STREAM (base_of (self)), buffer, count, cancellable, error);
}

static gssize
aip_replay_input_read_nonblocking (GPollableInputStream *stream, void *buffer, gsize count, GError **error)
{
  AipReplayInput *self = AIP_REPLAY_INPUT (stream);
  gsize n = replay (self, buffer, count);

  if (n > 0)
    return n;
  return g_pollable_input_stream_read_nonblocking (base_of (self), buffer, count, NULL, error);
}

static gboolean
aip_replay_input_is_readable (GPollableInputStream *stream)
{
  AipReplayInput *self = AIP_REPLAY_INPUT (stream);

  return self->replayed < g_bytes_get_size (self->first) ||
         g_pollable_input_stream_is_readable (base_of (self));
}

static GSource *
aip_replay_input_create_source (GPollableInputStream *stream, GCancellable *cancellable)
{
  AipReplayInput *self = AIP_REPLAY_INPUT (stream);
  g_autoptr (GSource) base = NULL;

  if (self->replayed < g_bytes_get_size (self->first))
    base = g_timeout_source_new (0);
  else
    base = g_pollable_input_stream_create_source (base_of (self), cancellable);
  return g_pollable_source_new_full (stream, base, cancellable);
}

static void
aip_replay_input_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = aip_replay_input_is_readable;
  iface->create_source = aip_replay_input_create_source;
  iface->read_nonblocking = aip_replay_input_read_nonblocking;
}

static void
aip_replay_input_finalize (GObject *object)
{
  AipReplayInput *self = AIP_REPLAY_INPUT (object);

  g_bytes_unref (self->first);
  G_OBJECT_CLASS (aip_replay_input_parent_class)->finalize (object);
}

static void
aip_replay_input_class_init (AipReplayInputClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = aip_replay_input_finalize;
  G_INPUT_STREAM_CLASS (klass)->read_fn = aip_replay_input_read;
  /* GFilterInputStream skips in the base stream, past what is replayed. */
  G_INPUT_STREAM_CLASS (klass)->skip = G_INPUT_STREAM_CLASS (g_type_class_peek (G_TYPE_INPUT_STREAM))->skip;
}

static void
aip_replay_input_init (AipReplayInput *self)
{
}

#define AIP_TYPE_REPLAY_STREAM (aip_replay_stream_get_type ())
G_DECLARE_FINAL_TYPE (AipReplayStream, aip_replay_stream, AIP, REPLAY_STREAM, GIOStream)

struct _AipReplayStream
{
  GIOStream parent_instance;

  GIOStream *base;       /* (owned) (not nullable) */
  AipReplayInput *input; /* (owned) (not nullable) */
};

G_DEFINE_TYPE (AipReplayStream, aip_replay_stream, G_TYPE_IO_STREAM)

static GInputStream *
aip_replay_stream_get_input (GIOStream *stream)
{
  return G_INPUT_STREAM (AIP_REPLAY_STREAM (stream)->input);
}

static GOutputStream *
aip_replay_stream_get_output (GIOStream *stream)
{
  return g_io_stream_get_output_stream (AIP_REPLAY_STREAM (stream)->base);
}

static gboolean
aip_replay_stream_close (GIOStream *stream, GCancellable *cancellable, GError **error)
{
  return g_io_stream_close (AIP_REPLAY_STREAM (stream)->base, cancellable, error);
}

static void
aip_replay_stream_finalize (GObject *object)
{
  AipReplayStream *self = AIP_REPLAY_STREAM (object);

  g_object_unref (self->input);
  g_object_unref (self->base);
  G_OBJECT_CLASS (aip_replay_stream_parent_class)->finalize (object);
}

static void
aip_replay_stream_class_init (AipReplayStreamClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = aip_replay_stream_finalize;
  G_IO_STREAM_CLASS (klass)->get_input_stream = aip_replay_stream_get_input;
  G_IO_STREAM_CLASS (klass)->get_output_stream = aip_replay_stream_get_output;
  G_IO_STREAM_CLASS (klass)->close_fn = aip_replay_stream_close;
}

static void
aip_replay_stream_init (AipReplayStream *self)
{
}

/**
 * aip_replay_stream_new:
 * @base: (transfer none): the stream of a client; its input can be polled
 * @first: (transfer none): what is to be read before it
 *
 * Returns: (transfer full): a stream over both
 */
GIOStream *
aip_replay_stream_new (GIOStream *base, GBytes *first)
{
  AipReplayStream *self = g_object_new (AIP_TYPE_REPLAY_STREAM, NULL);

  self->base = g_object_ref (base);
  self->input = g_object_new (AIP_TYPE_REPLAY_INPUT, "base-stream", g_io_stream_get_input_stream (base),
                              "close-base-stream", FALSE, NULL);
  self->input->first = g_bytes_ref (first);
  return G_IO_STREAM (self);
}
