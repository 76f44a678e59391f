/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include "server/aip-exchange-private.h"
#include "server/aip-forward-headers.h"
#include "server/aip-query.h"
#include "server/aip-websocket.h"

/* A request that leaves HTTP behind: an upstream's "101" and bytes both ways, or its other answer. */

static void
drop_tunnel (AipExchange *self)
{
  aip_tunnel_cancel (g_steal_pointer (&self->tunnel));
}

/* --- from the client, once it is open --- */

static gboolean
client_body_cb (AipConnection *connection, const char *data, gsize length, void *user_data)
{
  AipExchange *self = user_data;

  self->received += length;
  aip_worker_count (self->worker, AIP_COUNT_BYTES_IN, length);
  return aip_tunnel_send (self->tunnel, data, length);
}

static void
client_writable_cb (AipConnection *connection, void *user_data)
{
  aip_tunnel_resume (((AipExchange *) user_data)->tunnel);
}

/* That is how a WebSocket ends; what the client said last is still sent. */
static void
client_gone_cb (AipConnection *connection, void *user_data)
{
  AipExchange *self = user_data;

  aip_attempt_succeed (&self->attempt);
  aip_tunnel_end (g_steal_pointer (&self->tunnel));
  aip_exchange_settle (self);
}

static const AipConnectionFuncs client_funcs = {
  .body = client_body_cb,
  .writable = client_writable_cb,
  .gone = client_gone_cb,
};

/* --- from the upstream --- */

/**
 * aip_exchange_send_tunnel_answer:
 * @self: an exchange whose upstream did not switch
 *
 * Lets the client have its other answer.
 */
void
aip_exchange_send_tunnel_answer (AipExchange *self)
{
  const GByteArray *body = self->short_answer.body;

  aip_connection_send_head (self->connection, self->status, self->answer_head, body->len);
  aip_connection_send_body (self->connection, (const char *) body->data, body->len);
  aip_connection_end (self->connection, TRUE);
  aip_exchange_count_out (self, body->len);
  aip_exchange_stamp_first_byte (self);
}

/**
 * aip_exchange_forget_tunnel_answer:
 * @self: an exchange
 *
 * Drops what the last attempt was answered instead of "101", if anything.
 */
void
aip_exchange_forget_tunnel_answer (AipExchange *self)
{
  if (self->answer_head == NULL)
    return;
  g_string_free (g_steal_pointer (&self->answer_head), TRUE);
  aip_short_answer_clear (&self->short_answer);
  self->short_answer = (AipShortAnswer){ 0 };
}

static void
go_on_with_answer (AipExchange *self, AipShortAnswerResult result)
{
  const GByteArray *body = self->short_answer.body;

  if (result == AIP_SHORT_ANSWER_MORE)
    return;
  if (self->tunnel != NULL)
    drop_tunnel (self);
  if (result != AIP_SHORT_ANSWER_WHOLE)
    {
      aip_exchange_fail (self, AIP_FAULT_PROTOCOL,
                         "it refused with an answer that is broken or larger than 64 KiB");
      return;
    }
  aip_exchange_judge (self, AIP_FAULT_NONE, (const char *) body->data, body->len);
  aip_exchange_fail_over (self);
}

static void
head_cb (AipTunnel *tunnel, guint status, const AipHeaderView *headers, gsize n_headers, void *user_data)
{
  AipExchange *self = user_data;

  if (status == 101 && !aip_websocket_check_answer (self->head, headers, n_headers))
    {
      drop_tunnel (self);
      aip_exchange_fail (self, AIP_FAULT_PROTOCOL,
                         "it switched to something that is not the WebSocket that was asked for");
      return;
    }
  aip_attempt_take_headers (&self->attempt, headers, n_headers);
  self->status = status;
  self->answer_head = aip_exchange_start_headers (self);
  aip_exchange_pass_headers (self, self->answer_head, headers, n_headers);
  aip_exchange_add_proxy_headers (self, self->answer_head);
  if (status != 101)
    {
      go_on_with_answer (self, aip_short_answer_begin (&self->short_answer, status, headers, n_headers));
      return;
    }
  aip_attempt_answered (&self->attempt, TRUE);
  aip_connection_set_funcs (self->connection, &client_funcs, self);
  aip_connection_upgrade (self->connection, "websocket", self->answer_head);
  aip_exchange_stamp_first_byte (self);
  aip_connection_resume_body (self->connection);
}

static gboolean
data_cb (AipTunnel *tunnel, const char *data, gsize length, void *user_data)
{
  AipExchange *self = user_data;

  if (self->status != 101)
    {
      go_on_with_answer (self, aip_short_answer_add (&self->short_answer, data, length));
      return TRUE;
    }
  if (!aip_connection_has_room (self->connection))
    return FALSE;
  aip_connection_send_body (self->connection, data, length);
  aip_websocket_frames_feed (&self->frames, data, length);
  aip_exchange_count_out (self, length);
  return TRUE;
}

static void
writable_cb (AipTunnel *tunnel, void *user_data)
{
  aip_connection_resume_body (((AipExchange *) user_data)->connection);
}

static void
done_cb (AipTunnel *tunnel, AipFault fault, const char *message, void *user_data)
{
  AipExchange *self = user_data;

  self->tunnel = NULL;
  if (self->status == 101)
    {
      if (fault == AIP_FAULT_NONE)
        aip_attempt_succeed (&self->attempt);
      else
        {
          self->outcome = AIP_OUTCOME_KIND_TRUNCATED;
          self->status = 0;
          aip_exchange_judge (self, fault, NULL, 0);
          self->status = 101;
        }
      aip_connection_end (self->connection, fault == AIP_FAULT_NONE);
      aip_exchange_settle (self);
    }
  else if (self->status != 0 && fault == AIP_FAULT_NONE)
    go_on_with_answer (self, aip_short_answer_end (&self->short_answer));
  else
    aip_exchange_fail (self, fault, message);
}

static const AipTunnelFuncs tunnel_funcs = {
  .head = head_cb,
  .data = data_cb,
  .writable = writable_cb,
  .done = done_cb,
};

/**
 * aip_exchange_tunnel:
 * @self: an exchange with an attempt, for a route that is tunnelled
 *
 * Sends the request to upgrade to the attempt's candidate.
 *
 * Returns: AIP_OUTCOME_WAIT, or AIP_OUTCOME_ANSWER when it was refused
 */
AipOutcome
aip_exchange_tunnel (AipExchange *self)
{
  const AipCandidate *candidate = self->attempt.candidate;
  const AipProviderConfig *provider = candidate->provider;
  gboolean mapped = self->call.model != NULL && g_strcmp0 (self->call.model, candidate->model) != 0;
  AipHeaderLines lines;

  if (candidate->dialect->internal)
    return aip_exchange_refuse (self, &(AipFailure){ .status = 501,
                                                     .code = "realtime_not_supported",
                                                     .message = "The built-in model has no realtime API: "
                                                                "name a model of another provider" });

  g_autofree char *query = aip_query_render (self->head->query, mapped ? candidate->model : NULL);
  g_autofree char *url =
      candidate->dialect->dup_url (provider->base_url, self->route.endpoint, query, candidate->model);
  g_autofree char *protocols = aip_websocket_dup_protocols (self->head);

  aip_forward_headers_out (&lines, self->head, candidate, self->request_id);
  aip_websocket_add_request (&lines, self->head, protocols);
  self->tunnel = aip_tunnel_new (aip_worker_get_upstream (self->worker),
                                 &(AipTransferRequest){
                                     .method = "GET",
                                     .url = url,
                                     .headers = aip_header_lines_render (&lines),
                                     .connect_timeout = provider->timeouts.connect,
                                     .first_byte_timeout = provider->timeouts.first_byte,
                                     .idle_timeout = provider->timeouts.idle,
                                     .verify_tls = provider->verify_tls,
                                     .ca_file = provider->ca_file,
                                     .proxy = provider->proxy,
                                 },
                                 &tunnel_funcs, self);
  aip_header_lines_clear (&lines);
  return AIP_OUTCOME_WAIT;
}
