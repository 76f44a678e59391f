/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-exchange"

#include "policy/aip-rights.h"
#include "routing/aip-near-names.h"
#include "server/aip-exchange-private.h"
#include "server/aip-reply.h"
#include "wire/aip-models-json.h"

#define MAX_NEAR_NAMES 5

/* How long a client waits for providers that were not asked for their models yet. */
#define LIST_TIMEOUT (5 * G_TIME_SPAN_SECOND)

/* Anthropic's SDK asks the same path, and says who it is with this header. */
static AipProtocol
protocol_of (const AipExchange *self)
{
  return aip_head_get (self->head, "anthropic-version") != NULL ? AIP_PROTOCOL_ANTHROPIC
                                                                : AIP_PROTOCOL_OPENAI;
}

static void
reply (AipExchange *self, const char *body)
{
  GString *headers = aip_exchange_start_headers (self);

  self->status = 200;
  self->answered_here = TRUE;
  aip_reply_add_header (headers, "X-Request-Id", self->request_id);
  aip_exchange_count_out (self, aip_reply_json (self->connection, 200, headers, body));
  g_string_free (headers, TRUE);
}

static AipOutcome
answer_list (AipExchange *self)
{
  g_autoptr (GPtrArray) models = aip_router_list_models (self->snapshot->router);
  g_autoptr (GArray) usable = g_array_new (FALSE, FALSE, sizeof (AipModelInfo));
  g_autofree char *body = NULL;

  for (guint i = 0; i < models->len; i++)
    {
      const AipModelInfo *model = g_ptr_array_index (models, i);

      if (aip_rights_allow_model (self->client, model->id, NULL))
        g_array_append_vals (usable, model, 1);
    }
  body = aip_models_format_list (protocol_of (self), (const AipModelInfo *) usable->data, usable->len);
  reply (self, body);
  return AIP_OUTCOME_ANSWER;
}

static AipOutcome
refuse_unknown (AipExchange *self, const GPtrArray *models, const char *id)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  g_autoptr (GPtrArray) near = NULL;
  g_autoptr (GString) message = g_string_new (NULL);

  for (guint i = 0; i < models->len; i++)
    {
      const AipModelInfo *model = g_ptr_array_index (models, i);

      if (aip_rights_allow_model (self->client, model->id, NULL))
        g_ptr_array_add (names, (char *) model->id);
    }
  near = aip_near_names_find (names, id, MAX_NEAR_NAMES);
  g_string_append_printf (message, "The model `%s` does not exist here.", id);
  for (guint i = 0; i < near->len; i++)
    g_string_append_printf (message, "%s%s", i > 0 ? ", " : " Near: ", (const char *) near->pdata[i]);
  g_string_append (message, near->len > 0 ? ". See GET /v1/models" : " See GET /v1/models");
  return aip_exchange_refuse (
      self,
      &(AipFailure){ .status = 404, .code = "model_not_found", .param = "model", .message = message->str });
}

static AipOutcome
answer_one (AipExchange *self)
{
  g_autoptr (GPtrArray) models = aip_router_list_models (self->snapshot->router);
  g_autofree char *id = g_uri_unescape_string (self->route.endpoint, NULL);

  for (guint i = 0; id != NULL && i < models->len; i++)
    {
      const AipModelInfo *model = g_ptr_array_index (models, i);

      if (g_str_equal (model->id, id) && aip_rights_allow_model (self->client, id, NULL))
        {
          g_autofree char *body = aip_models_format_one (protocol_of (self), model);

          reply (self, body);
          return AIP_OUTCOME_ANSWER;
        }
    }
  return refuse_unknown (self, models, id != NULL ? id : self->route.endpoint);
}

static void
models_ready (void *user_data)
{
  AipExchange *self = user_data;

  aip_timer_disarm (&self->models_timer);
  self->waits_for_models = FALSE;
  aip_exchange_route_again (self);
}

static void
models_timer_cb (AipTimer *timer, void *user_data)
{
  AipExchange *self = user_data;

  aip_worker_forget_wait (self->worker, self);
  models_ready (self);
}

/**
 * aip_exchange_wait_for_models:
 * @self: an exchange in the step AIP_STEP_ROUTE
 *
 * Where providers have not told their models yet, waits for them a little, once; the step is repeated then.
 *
 * Returns: whether it waits
 */
gboolean
aip_exchange_wait_for_models (AipExchange *self)
{
  if (self->has_waited || !aip_worker_wait_for_models (self->worker, models_ready, self))
    return FALSE;
  self->waits_for_models = self->has_waited = TRUE;
  aip_timer_init (&self->models_timer, aip_worker_get_loop (self->worker), models_timer_cb, self);
  aip_timer_arm (&self->models_timer, LIST_TIMEOUT);
  return TRUE;
}

/**
 * aip_exchange_list_models:
 * @self: an exchange that asks for models
 *
 * Returns: what the step has to return, after the answer or while it waits for one
 */
AipOutcome
aip_exchange_list_models (AipExchange *self)
{
  if (aip_exchange_wait_for_models (self))
    return AIP_OUTCOME_WAIT;
  return self->route.kind == AIP_ROUTE_MODELS ? answer_list (self) : answer_one (self);
}
