/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include "server/aip-exchange-private.h"

/* The end of a request that its client did not ask for: the kill switch, or somebody has picked it. */

static const struct
{
  AipFailure failure;
  guint close_code; /* of a WebSocket */
} cuts[] = {
  [AIP_CUT_PAUSED] = { { .status = 503,
                         .code = "paused",
                         .message = "AI Proxy is paused and sends nothing to any provider: who runs it "
                                    "resumes it with `aiproxyctl resume`" },
                       AIP_WEBSOCKET_TRY_AGAIN_LATER },
  [AIP_CUT_CANCELLED] = { { .status = 503,
                            .code = "cancelled_by_operator",
                            .message = "Who runs AI Proxy has cancelled this request" },
                          AIP_WEBSOCKET_GOING_AWAY },
};

/**
 * aip_exchange_is_paused:
 * @self: an exchange
 *
 * Returns: whether it came while nothing was to be served
 */
gboolean
aip_exchange_is_paused (const AipExchange *self)
{
  return AIP_EPOCH_IS_PAUSED (self->pause_epoch);
}

/**
 * aip_exchange_refuse_paused:
 * @self: an exchange that was not answered
 *
 * Returns: what the step has to return
 */
AipOutcome
aip_exchange_refuse_paused (AipExchange *self)
{
  /* Its status would make it a fault of the upstream. */
  self->outcome = AIP_OUTCOME_KIND_REFUSED;
  return aip_exchange_refuse (self, &cuts[AIP_CUT_PAUSED].failure);
}

/* Inside of a frame nothing but the connection's end can be said. */
static void
cut_tunnel (AipExchange *self, AipCut why)
{
  char frame[AIP_WEBSOCKET_MAX_CLOSE];
  gsize length = aip_websocket_format_close (frame, cuts[why].close_code, cuts[why].failure.message);

  if (aip_websocket_frames_is_between (&self->frames))
    aip_connection_send_body (self->connection, frame, length);
  aip_connection_end (self->connection, TRUE);
}

static void
cut_answer (AipExchange *self, AipCut why)
{
  g_autofree char *event = aip_protocol_format_stream_error (self->route.protocol, &cuts[why].failure);

  aip_answer_break (&self->answer, event);
  self->status = cuts[why].failure.status;
}

/**
 * aip_exchange_cut:
 * @self: an exchange of the data plane that waits
 * @why: what to tell its client
 *
 * Ends it: an error where nothing was answered yet, an event in a stream, a frame that closes a WebSocket, a
 * broken transfer else. The upstream is let go. Not from within anything that the exchange has called. It is
 * gone when this returns.
 */
void
aip_exchange_cut (AipExchange *self, AipCut why)
{
  g_return_if_fail (self != NULL && self->connection != NULL);
  g_return_if_fail ((guint) why < G_N_ELEMENTS (cuts));

  self->outcome = AIP_OUTCOME_KIND_CANCELLED;
  if (self->transfer != NULL)
    aip_transfer_cancel (g_steal_pointer (&self->transfer));
  if (self->tunnel != NULL)
    aip_tunnel_cancel (g_steal_pointer (&self->tunnel));
  if (self->status == 101)
    cut_tunnel (self, why);
  else if (aip_answer_has_begun (&self->answer))
    cut_answer (self, why);
  else
    aip_exchange_refuse (self, &cuts[why].failure);
  aip_exchange_settle (self);
}
