/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-discovery"

#include "aip-discovery.h"

#include "aip-models-request.h"
#include "base/aip-clock.h"
#include "base/aip-loop.h"
#include "routing/aip-router.h"
#include "upstream/aip-upstream.h"
#include "wire/aip-dialect.h"

#define FRESH_FOR (5 * 60 * G_TIME_SPAN_SECOND)
#define RETRY_AFTER (30 * G_TIME_SPAN_SECOND)

/* One provider's list. */
typedef struct
{
  AipDiscovery *owner;
  AipDiscovered found;
  char *address;             /* where and how it was asked */
  gint64 next;               /* monotonic µs: not to be asked before */
  AipModelsRequest *request; /* (nullable): being asked */
  gboolean failed;           /* the last time */
} Source;

struct _AipDiscovery
{
  AipLoop *loop;
  AipUpstream *upstream;
  AipTimer retry;
  AipConfig *config;  /* (nullable) */
  GPtrArray *sources; /* of Source */
  GPtrArray *lists;   /* of AipDiscovered, borrowed from the sources */
  AipDiscoverySecretFunc get_secret;
  AipDiscoveryFunc changed;
  void *user_data;
};

static void
source_free (Source *source)
{
  g_clear_pointer (&source->request, aip_models_request_cancel);
  g_free (source->found.provider);
  g_free (source->address);
  g_strfreev (source->found.models);
  g_free (source);
}

static void
retry_cb (AipTimer *timer, void *user_data)
{
  aip_discovery_refresh (user_data);
}

/**
 * aip_discovery_new:
 * @get_secret: (transfer full result): finds the secret of a key; NULL: it has none
 * @changed: called when a provider has answered, or could not be asked
 * @user_data: for both
 *
 * Returns: (transfer full): a discovery on the default main context
 */
AipDiscovery *
aip_discovery_new (AipDiscoverySecretFunc get_secret, AipDiscoveryFunc changed, void *user_data)
{
  AipDiscovery *self = g_new0 (AipDiscovery, 1);

  self->loop = aip_loop_new (g_main_context_default ());
  self->upstream = aip_upstream_new (self->loop);
  aip_timer_init (&self->retry, self->loop, retry_cb, self);
  self->sources = g_ptr_array_new_with_free_func ((GDestroyNotify) source_free);
  self->lists = g_ptr_array_new ();
  self->get_secret = get_secret;
  self->changed = changed;
  self->user_data = user_data;
  return self;
}

/**
 * aip_discovery_free:
 * @self: (transfer full): a discovery
 */
void
aip_discovery_free (AipDiscovery *self)
{
  aip_timer_disarm (&self->retry);
  g_ptr_array_unref (self->sources);
  g_ptr_array_unref (self->lists);
  g_clear_pointer (&self->config, aip_config_unref);
  aip_upstream_free (self->upstream);
  aip_loop_free (self->loop);
  g_free (self);
}

static gboolean
has_to_be_asked (const AipProviderConfig *provider)
{
  const AipDialect *dialect = aip_dialect_find (provider->dialect);

  return provider->enabled && provider->models[0] == NULL && dialect != NULL && !dialect->internal;
}

static Source *
take_source (GPtrArray *sources, const char *provider)
{
  for (guint i = 0; i < sources->len; i++)
    if (g_str_equal (((Source *) sources->pdata[i])->found.provider, provider))
      return g_ptr_array_steal_index_fast (sources, i);
  return NULL;
}

static char *
dup_address (const AipProviderConfig *provider)
{
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "%s\n%s\n%s\n%s\n%d", provider->dialect, provider->base_url,
                          provider->proxy != NULL ? provider->proxy : "",
                          provider->ca_file != NULL ? provider->ca_file : "", provider->verify_tls);
  for (const AipConfigHeader *header = provider->headers; header != NULL && header->name != NULL; header++)
    g_string_append_printf (text, "\n%s: %s", header->name, header->value);
  return g_string_free (text, FALSE);
}

/* What is another service now is asked again, at once; what is known holds until then. So is one that could
 * not be asked: its key may be another. */
static void
compare_address (Source *source, const AipProviderConfig *provider)
{
  g_autofree char *address = dup_address (provider);

  if (g_strcmp0 (address, source->address) == 0 && !source->failed)
    return;
  g_free (source->address);
  source->address = g_steal_pointer (&address);
  g_clear_pointer (&source->request, aip_models_request_cancel);
  source->next = MIN (source->next, 1);
}

/**
 * aip_discovery_set_config:
 * @self: a discovery
 * @config: (transfer none): where the providers stand
 *
 * What is known of a provider that is still there is kept until it was asked again.
 */
void
aip_discovery_set_config (AipDiscovery *self, AipConfig *config)
{
  g_autoptr (GPtrArray) old = g_steal_pointer (&self->sources);

  self->sources = g_ptr_array_new_with_free_func ((GDestroyNotify) source_free);
  g_ptr_array_set_size (self->lists, 0);
  for (guint i = 0; i < config->providers->len; i++)
    {
      const AipProviderConfig *provider = g_ptr_array_index (config->providers, i);
      Source *source = has_to_be_asked (provider) ? take_source (old, provider->name) : NULL;

      if (!has_to_be_asked (provider))
        continue;
      if (source == NULL)
        {
          source = g_new0 (Source, 1);
          source->owner = self;
          source->found.provider = g_strdup (provider->name);
        }
      compare_address (source, provider);
      g_ptr_array_add (self->sources, source);
      g_ptr_array_add (self->lists, &source->found);
    }
  g_clear_pointer (&self->config, aip_config_unref);
  self->config = aip_config_ref (config);
}

/* --- asking one --- */

static void
finish (Source *source, char **models, const char *problem)
{
  source->next = aip_clock_now () + (models != NULL ? FRESH_FOR : RETRY_AFTER);
  if (models != NULL)
    {
      g_strfreev (source->found.models);
      source->found.models = models;
    }
  else
    {
      aip_timer_arm (&source->owner->retry, RETRY_AFTER);
      if (!source->failed)
        g_message ("provider %s did not tell its models, and is asked again: %s", source->found.provider,
                   problem);
    }
  source->failed = models == NULL;
  source->owner->changed (source->owner->user_data);
}

static void
replied_cb (const AipModelsReply *reply, void *user_data)
{
  Source *source = user_data;

  source->request = NULL;
  finish (source, g_strdupv (reply->models), reply->problem);
}

static AipSecret *
find_secret (AipDiscovery *self, const char *provider, gboolean *needs_one)
{
  *needs_one = FALSE;
  for (guint i = 0; i < self->config->keys->len; i++)
    {
      const AipKeyConfig *key = g_ptr_array_index (self->config->keys, i);
      AipSecret *secret;

      if (!key->enabled || !g_str_equal (key->provider, provider))
        continue;
      *needs_one = TRUE;
      secret = self->get_secret (key, self->user_data);
      if (secret != NULL)
        return secret;
    }
  return NULL;
}

static void
ask (Source *source, const AipProviderConfig *provider)
{
  AipDiscovery *self = source->owner;
  gboolean needs_secret;
  g_autoptr (AipSecret) secret = find_secret (self, provider->name, &needs_secret);

  if (needs_secret && secret == NULL)
    finish (source, NULL, "it has no usable key");
  else
    source->request = aip_models_request_new (self->upstream, provider, secret, 0, replied_cb, source);
}

/**
 * aip_discovery_refresh:
 * @self: a discovery
 *
 * Asks those providers whose list is missing or old, unless they were asked a moment ago.
 */
void
aip_discovery_refresh (AipDiscovery *self)
{
  gint64 now = aip_clock_now ();

  for (guint i = 0; i < self->sources->len; i++)
    {
      Source *source = g_ptr_array_index (self->sources, i);

      if (source->request == NULL && source->next <= now)
        ask (source, aip_config_find_provider (self->config, source->found.provider));
    }
}

/**
 * aip_discovery_retry:
 * @self: a discovery
 *
 * Asks those again that could not be asked the last time: there may be a key for them now.
 */
void
aip_discovery_retry (AipDiscovery *self)
{
  for (guint i = 0; i < self->sources->len; i++)
    {
      Source *source = g_ptr_array_index (self->sources, i);

      if (source->failed)
        source->next = MIN (source->next, 1);
    }
  aip_discovery_refresh (self);
}

/**
 * aip_discovery_is_complete:
 * @self: a discovery
 *
 * Returns: whether every provider that has to be asked was asked
 */
gboolean
aip_discovery_is_complete (AipDiscovery *self)
{
  for (guint i = 0; i < self->sources->len; i++)
    if (((Source *) self->sources->pdata[i])->next == 0)
      return FALSE;
  return TRUE;
}

/**
 * aip_discovery_get_lists:
 * @self: a discovery
 *
 * Returns: (transfer none) (element-type AipDiscovered): what the providers said so far
 */
const GPtrArray *
aip_discovery_get_lists (AipDiscovery *self)
{
  return self->lists;
}
