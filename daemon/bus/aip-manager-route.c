/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-manager-ask.h"

#include "base/aip-clock.h"
#include "base/aip-error.h"
#include "bus/aip-bus-settings.h"
#include "config/aip-config-schema.h"
#include "policy/aip-rights.h"

/* What would serve a request. */

static gboolean
find_protocol (const char *name, AipProtocol *protocol, GError **error)
{
  static const char *const names[AIP_N_PROTOCOLS] = {
    [AIP_PROTOCOL_OPENAI] = "openai",
    [AIP_PROTOCOL_ANTHROPIC] = "anthropic",
    [AIP_PROTOCOL_GEMINI] = "gemini",
    [AIP_PROTOCOL_OLLAMA] = "ollama",
  };

  *protocol = AIP_PROTOCOL_OPENAI;
  if (name == NULL)
    return TRUE;
  for (int i = 0; i < AIP_N_PROTOCOLS; i++)
    if (g_str_equal (names[i], name))
      {
        *protocol = i;
        return TRUE;
      }
  g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
               "protocol: is one of openai, anthropic, gemini and ollama");
  return FALSE;
}

static GVariant *
make_explanation (const AipRouteExplanation *explanation, const char *client_limit)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);

  g_variant_dict_insert (&dict, "provider", "s", explanation->provider);
  g_variant_dict_insert (&dict, "key", "s", explanation->key != NULL ? explanation->key : "");
  g_variant_dict_insert (&dict, "model", "s", explanation->model != NULL ? explanation->model : "");
  g_variant_dict_insert (&dict, "usable", "b", explanation->reason == NULL);
  g_variant_dict_insert (&dict, "reason", "s", explanation->reason != NULL ? explanation->reason : "");
  g_variant_dict_insert (&dict, "score", "d", explanation->score);
  g_variant_dict_insert (&dict, "note", "s", explanation->note != NULL ? explanation->note : "");
  g_variant_dict_insert (&dict, "context", "u", explanation->context);
  g_variant_dict_insert (&dict, "client-limit", "s", client_limit);
  return g_variant_dict_end (&dict);
}

/* As with a request that takes no more than one token. */
static gboolean
may_use_cb (const AipCandidate *candidate, gint64 *wait_us, void *user_data)
{
  g_autoptr (AipQuota) quota = NULL;
  gint64 wait;

  if (candidate->key == NULL)
    return TRUE;
  quota = aip_ledger_get_key_quota (user_data, candidate->key);
  wait = aip_quota_get_wait (quota, 1);
  if (wait > 0 && wait != G_MAXINT64)
    *wait_us = wait;
  return wait == 0;
}

static gboolean
check_strategy (const char *strategy, GError **error)
{
  g_autofree char *known = NULL;

  if (strategy == NULL || g_strv_contains (aip_config_strategies, strategy))
    return TRUE;
  known = g_strjoinv (", ", (char **) aip_config_strategies);
  g_set_error (error, AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT, "strategy: is one of %s", known);
  return FALSE;
}

/* What the client may not do at all is an error, as it would be with its request. */
static gboolean
take_client (const AipConfig *config, const char *name, AipRouteQuery *query, GError **error)
{
  AipClient client = { .name = name };

  if (name == NULL)
    return TRUE;
  client.config = aip_config_find_client (config, name);
  if (client.config == NULL)
    {
      g_set_error (error, AIP_ERROR, AIP_ERROR_NOT_FOUND, "client: the configuration has no client %s", name);
      return FALSE;
    }
  client.tenant = client.config->tenant;
  if (client.tenant != NULL)
    client.tenant_config = aip_config_find_tenant (config, client.tenant);
  for (guint i = 0; i < AIP_N_RIGHTS; i++)
    {
      query->providers[i] = aip_rights_get_providers (&client, i);
      query->keys[i] = aip_rights_get_keys (&client, i);
    }
  return aip_rights_allow_model (&client, query->model, error) &&
         (query->provider == NULL || aip_rights_allow_provider (&client, query->provider, error)) &&
         (query->strategy == NULL || aip_rights_allow_strategy (&client, query->strategy, error));
}

/* Returns: (transfer full): which of the client's own limits stands in the way; "": none */
static char *
dup_client_limit (const AipBusContext *context, const char *name)
{
  const AipConfig *config = context->host->get_config (context->host_data);
  const AipClientConfig *client = name != NULL ? aip_config_find_client (config, name) : NULL;
  g_autoptr (AipQuota) quota = NULL;
  g_autoptr (GError) refusal = NULL;

  if (client != NULL)
    quota = aip_ledger_get_client_quota (context->host->get_ledger (context->host_data), config, name, client,
                                         client->tenant);
  return g_strdup (aip_quota_check (quota, 1, &refusal) ? "" : refusal->message);
}

static GPtrArray *
explain (const AipBusContext *context, AipRouteQuery *query, GVariant *options, GError **error)
{
  const AipBusHost *host = context->host;

  query->provider = aip_bus_options_get_string (options, "provider");
  query->strategy = aip_bus_options_get_string (options, "strategy");
  query->now_us = aip_clock_now ();
  query->may_use = may_use_cb;
  query->may_use_data = host->get_ledger (context->host_data);
  if (!find_protocol (aip_bus_options_get_string (options, "protocol"), &query->protocol, error) ||
      !check_strategy (query->strategy, error) ||
      !take_client (host->get_config (context->host_data), aip_bus_options_get_string (options, "client"),
                    query, error))
    return NULL;
  return aip_router_explain (host->get_router (context->host_data), query, 0, error);
}

/**
 * aip_manager_explain_route:
 * @context: the context
 * @manager: the object that was called
 * @invocation: (transfer full): the call
 * @model: a model's name
 * @options: a{sv}
 *
 * Returns: TRUE: the call is answered
 */
gboolean
aip_manager_explain_route (const AipBusContext *context,
                           AipBusManager *manager,
                           GDBusMethodInvocation *invocation,
                           const char *model,
                           GVariant *options)
{
  static const char *const known[] = { "protocol:s", "provider:s", "client:s", "strategy:s", NULL };
  AipRouteQuery query = { .model = model };
  g_autoptr (GPtrArray) list = NULL;
  g_autofree char *client_limit = NULL;
  GVariantBuilder builder;
  GError *error = NULL;

  if (aip_bus_refuse_options (invocation, options, known))
    return TRUE;
  if (*model == '\0')
    return aip_bus_fail (invocation, g_error_new (AIP_ERROR, AIP_ERROR_INVALID_ARGUMENT,
                                                  "model: is empty; give a model's name"));
  list = explain (context, &query, options, &error);
  if (list == NULL)
    return aip_bus_fail (invocation, error);
  client_limit = dup_client_limit (context, aip_bus_options_get_string (options, "client"));
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = 0; i < list->len; i++)
    g_variant_builder_add_value (&builder, make_explanation (g_ptr_array_index (list, i), client_limit));
  aip_bus_manager_complete_explain_route (manager, invocation, g_variant_builder_end (&builder));
  return TRUE;
}
