/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-transfer-builtin"

#include "base/aip-clock.h"
#include "upstream/aip-upstream-private.h"
#include "wire/aip-builtin.h"

#include <string.h>

/*
 * A transfer that goes nowhere: it plays the script that the model inside the daemon has written.
 */
typedef struct
{
  AipTransfer base;
  AipBuiltinAnswer *answer;
  guint next;       /* part to tell */
  gboolean due;     /* its time has come */
  gboolean paused;  /* it was not taken */
  gboolean playing; /* a callback may be on the stack */
  gboolean head_told;
  guint64 received;
  guint64 sent;
  gint64 started; /* monotonic µs */
  gint64 first_byte;
  AipIdle wake;
  AipTimer timer;
} AipTransferBuiltin;

static void
builtin_free (AipTransferBuiltin *self)
{
  aip_idle_cancel (&self->wake);
  aip_timer_disarm (&self->timer);
  aip_builtin_answer_free (self->answer);
  g_free (self);
}

static void
tell_head (AipTransferBuiltin *self)
{
  const AipHeaderView header = {
    .name = "Content-Type",
    .name_length = strlen ("Content-Type"),
    .value = self->answer->content_type,
    .value_length = strlen (self->answer->content_type),
  };

  self->head_told = TRUE;
  self->first_byte = g_get_monotonic_time ();
  self->base.funcs.head (&self->base, self->answer->status, &header, 1, self->base.user_data);
}

static void
tell_part (AipTransferBuiltin *self)
{
  gsize length;
  const char *data = g_bytes_get_data (g_ptr_array_index (self->answer->parts, self->next), &length);

  if (length > 0 && !self->base.funcs.body (&self->base, data, length, self->base.user_data))
    {
      self->paused = TRUE;
      return;
    }
  self->received += length;
  self->next++;
  self->due = self->answer->delay == 0;
}

static void
end (AipTransferBuiltin *self)
{
  AipTransferResult result = {
    .fault = self->answer->cut ? AIP_FAULT_CUT : AIP_FAULT_NONE,
    .message = self->answer->cut ? "the built-in model broke off its answer, as it was told to" : NULL,
    .timings.first_byte = self->first_byte - self->started,
    .timings.total = g_get_monotonic_time () - self->started,
    .http_major = 1,
    .bytes_sent = self->sent,
    .bytes_received = self->received,
    .framed = TRUE,
  };

  aip_transfer_close (&self->base);
  self->base.funcs.done (&self->base, &result, self->base.user_data);
  builtin_free (self);
}

static void
play (AipTransferBuiltin *self)
{
  gboolean more;

  self->playing = TRUE;
  self->paused = FALSE;
  if (!self->head_told)
    tell_head (self);
  while (!self->base.closed && !self->paused && self->due && self->next < self->answer->parts->len)
    tell_part (self);
  self->playing = FALSE;

  more = self->next < self->answer->parts->len;
  if (self->base.closed)
    builtin_free (self);
  else if (!more)
    end (self);
  else if (!self->paused)
    aip_timer_arm (&self->timer, self->answer->delay * G_TIME_SPAN_MILLISECOND);
}

static void
wake_cb (AipIdle *idle, void *user_data)
{
  AipTransferBuiltin *self = user_data;

  if (!self->head_told || self->paused)
    play (self);
}

static void
timer_cb (AipTimer *timer, void *user_data)
{
  AipTransferBuiltin *self = user_data;

  self->due = TRUE;
  play (self);
}

static void
builtin_resume (AipTransfer *transfer)
{
  aip_idle_queue (&((AipTransferBuiltin *) transfer)->wake);
}

static void
builtin_cancel (AipTransfer *transfer)
{
  AipTransferBuiltin *self = (AipTransferBuiltin *) transfer;

  aip_transfer_close (transfer);
  if (!self->playing)
    builtin_free (self);
}

static const AipTransferKind builtin_kind = {
  .resume = builtin_resume,
  .cancel = builtin_cancel,
};

/**
 * aip_transfer_builtin_new:
 * @upstream: where it runs
 * @method: HTTP method
 * @endpoint: such as "chat/completions"
 * @body: (nullable): the request's body
 * @funcs: copied
 * @user_data: for @funcs
 *
 * Returns: (transfer none): a started transfer
 */
AipTransfer *
aip_transfer_builtin_new (AipUpstream *upstream,
                          const char *method,
                          const char *endpoint,
                          GBytes *body,
                          const AipTransferFuncs *funcs,
                          void *user_data)
{
  AipTransferBuiltin *self = g_new0 (AipTransferBuiltin, 1);

  aip_transfer_open (&self->base, &builtin_kind, upstream, funcs, user_data);
  self->answer = aip_builtin_answer (method, endpoint, body, aip_clock_wall () / G_TIME_SPAN_SECOND);
  self->due = self->answer->delay == 0;
  self->sent = body == NULL ? 0 : g_bytes_get_size (body);
  self->started = g_get_monotonic_time ();
  aip_timer_init (&self->timer, upstream->loop, timer_cb, self);
  aip_idle_init (&self->wake, upstream->loop, wake_cb, self);
  aip_idle_queue (&self->wake);
  return &self->base;
}
