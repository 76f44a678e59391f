/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-status"

#include "server/aip-status.h"

#include "aip-build.h"
#include "base/aip-clock.h"
#include "base/aip-json-peek.h"
#include "policy/aip-rights.h"

/* --- who may know what --- */

static gboolean
sees_all (const AipClient *client)
{
  return client->config != NULL && client->config->admin;
}

static gboolean
sees_key (const AipClient *client, const AipKeyConfig *key, const AipProviderConfig *provider)
{
  return g_str_equal (key->provider, provider->name) &&
         (sees_all (client) || aip_rights_allow_key (client, key->name, NULL));
}

/* A provider whose keys are all kept from it is kept from it as well. */
static gboolean
sees_provider (const AipConfig *config, const AipClient *client, const AipProviderConfig *provider)
{
  gboolean needs_key = FALSE;

  if (sees_all (client))
    return TRUE;
  if (!aip_rights_allow_provider (client, provider->name, NULL))
    return FALSE;
  for (guint i = 0; i < config->keys->len; i++)
    {
      const AipKeyConfig *key = g_ptr_array_index (config->keys, i);

      if (sees_key (client, key, provider))
        return TRUE;
      needs_key = needs_key || g_str_equal (key->provider, provider->name);
    }
  return !needs_key;
}

/**
 * aip_status_count_providers:
 * @snapshot: what requests are served by
 * @client: who asks
 *
 * Returns: how many providers @client has to know of
 */
guint
aip_status_count_providers (const AipSnapshot *snapshot, const AipClient *client)
{
  GPtrArray *providers = snapshot->config->providers;
  guint n = 0;

  for (guint i = 0; i < providers->len; i++)
    n += sees_provider (snapshot->config, client, g_ptr_array_index (providers, i));
  return n;
}

/* --- the daemon --- */

static void
append_names (GString *body, const char *name, char **names)
{
  g_string_append_printf (body, "\"%s\":[", name);
  for (gsize i = 0; names[i] != NULL; i++)
    {
      g_string_append (body, i > 0 ? "," : "");
      aip_json_append_string (body, names[i], -1);
    }
  g_string_append_c (body, ']');
}

static void
append_use (GString *body, const AipLimitUse *use)
{
  g_string_append_printf (body, "{\"party\":\"%s\",\"name\":", use->party);
  aip_json_append_string (body, use->name, -1);
  g_string_append_printf (
      body,
      ",\"limit\":\"%s\",\"size\":%" G_GUINT64_FORMAT ",\"used\":%" G_GUINT64_FORMAT
      ",\"left\":%" G_GUINT64_FORMAT ",\"window_us\":%" G_GINT64_FORMAT ",\"reset_us\":%" G_GINT64_FORMAT "}",
      use->limit, use->size, use->used, use->size - MIN (use->used, use->size), use->window, use->reset);
}

/* Of the one that asks alone: what others use is none of its business. */
static void
append_uses (GString *body, const AipClient *client)
{
  AipLimitUse uses[AIP_MAX_LIMIT_USES];
  guint n = aip_quota_get_uses (client->quota, uses);

  g_string_append (body, ",\"used\":[");
  for (guint i = 0; i < n; i++)
    {
      g_string_append (body, i > 0 ? "," : "");
      append_use (body, &uses[i]);
    }
  g_string_append_c (body, ']');
}

static void
append_limits (GString *body, AipLedger *ledger, const AipClient *client)
{
  gboolean healthy;
  g_autofree char *description = aip_ledger_describe (ledger, &healthy);
  g_autofree char *name = g_utf8_make_valid (client->name, -1);

  g_string_append (body, ",\"client\":");
  aip_json_append_string (body, name, -1);
  g_string_append (body, ",\"limits\":{\"kept\":");
  aip_json_append_string (body, description, -1);
  g_string_append_printf (body, ",\"healthy\":%s", healthy ? "true" : "false");
  append_uses (body, client);
  g_string_append_c (body, '}');
}

/* --- its providers --- */

/* What is told of one that is held by its breaker, by what its provider asked for, or by a limit of its. */
static void
append_held (GString *body, const char *name, AipLiveKey *live)
{
  gint64 now = aip_clock_now ();
  g_autofree char *reason = aip_live_key_dup_reason (live, now);
  AipBreakerState state = aip_live_key_get_state (live, now);
  gint64 until = aip_breaker_get_until (aip_live_key_get_breaker (live));
  AipLiveKeyFigures figures;

  if (reason == NULL)
    return;
  aip_live_key_get_figures (live, now, &figures);
  if (state == AIP_BREAKER_CLOSED)
    until = figures.spent_until_us;
  g_string_append (body, body->str[body->len - 1] == '}' ? ",{\"key\":" : "{\"key\":");
  if (name != NULL)
    aip_json_append_string (body, name, -1);
  else
    g_string_append (body, "null");
  g_string_append_printf (body, ",\"state\":\"%s\",\"reason\":", aip_breaker_state_get_name (state));
  aip_json_append_string (body, reason, -1);
  g_string_append_printf (body, ",\"return_us\":%" G_GINT64_FORMAT "}", MAX (until - now, 0));
}

static void
append_provider (GString *body, const AipSnapshot *snapshot, const AipClient *client, guint index)
{
  const AipConfig *config = snapshot->config;
  const AipProviderConfig *provider = g_ptr_array_index (config->providers, index);
  g_autoptr (GString) held = g_string_new ("[");
  guint n_keys = 0;

  append_held (held, NULL, aip_router_get_live_key (snapshot->router, config->keys->len + index));
  for (guint i = 0; i < config->keys->len; i++)
    {
      const AipKeyConfig *key = g_ptr_array_index (config->keys, i);

      if (!sees_key (client, key, provider))
        continue;
      n_keys++;
      append_held (held, key->name, aip_router_get_live_key (snapshot->router, i));
    }
  g_string_append (body, "{\"name\":");
  aip_json_append_string (body, provider->name, -1);
  g_string_append (body, ",\"dialect\":");
  aip_json_append_string (body, provider->dialect, -1);
  g_string_append_printf (body, ",\"enabled\":%s,\"keys\":%u,\"held\":%s]}",
                          provider->enabled ? "true" : "false", n_keys, held->str);
}

static void
append_providers (GString *body, const AipSnapshot *snapshot, const AipClient *client)
{
  const AipConfig *config = snapshot->config;
  gboolean first = TRUE;

  g_string_append (body, ",\"providers\":[");
  for (guint i = 0; i < config->providers->len; i++)
    {
      if (!sees_provider (config, client, g_ptr_array_index (config->providers, i)))
        continue;
      g_string_append (body, first ? "" : ",");
      append_provider (body, snapshot, client, i);
      first = FALSE;
    }
  g_string_append_c (body, ']');
}

/**
 * aip_status_format:
 * @snapshot: what requests are served by
 * @client: who asks: it is told of what it may use; one with admin=true of all
 * @state: how the daemon is
 *
 * Returns: (transfer full): the answer of /status, in JSON
 */
char *
aip_status_format (const AipSnapshot *snapshot, const AipClient *client, const char *state)
{
  const AipConfig *config = snapshot->config;
  GString *body = g_string_new (NULL);

  g_string_append_printf (body, "{\"status\":\"%s\",\"version\":\"" AIP_VERSION "\",", state);
  append_names (body, "listen", config->server.listen);
  g_string_append (body, ",\"strategy\":");
  aip_json_append_string (body, config->routing.strategy, -1);
  append_limits (body, snapshot->ledger, client);
  append_providers (body, snapshot, client);
  g_string_append (body, "}\n");
  return g_string_free (body, FALSE);
}
