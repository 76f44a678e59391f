/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-discovery"

#include "aip-discovery.h"

#include <string.h>

#include "base/aip-clock.h"
#include "base/aip-loop.h"
#include "routing/aip-router.h"
#include "upstream/aip-upstream.h"
#include "wire/aip-dialect.h"
#include "wire/aip-models-json.h"

#define FRESH_FOR (5 * 60 * G_TIME_SPAN_SECOND)
#define RETRY_AFTER (30 * G_TIME_SPAN_SECOND)
#define MAX_LIST_SIZE (4 * 1024 * 1024)
#define TOTAL_TIMEOUT_MS 15000

/* One provider's list. */
typedef struct
{
  AipDiscovery *owner;
  AipDiscovered found;
  gint64 next;           /* monotonic µs: not to be asked before */
  AipTransfer *transfer; /* (nullable): being asked */
  gboolean failed;       /* the last time */
  guint status;
  GByteArray *body;
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
  if (source->transfer != NULL)
    aip_transfer_cancel (source->transfer);
  g_free (source->found.provider);
  g_strfreev (source->found.models);
  g_clear_pointer (&source->body, g_byte_array_unref);
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

/* Its address or its key may be another now: what is known holds until it was asked again, at once. */
static void
forget_asking (Source *source)
{
  g_clear_pointer (&source->transfer, aip_transfer_cancel);
  g_clear_pointer (&source->body, g_byte_array_unref);
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
      forget_asking (source);
      g_ptr_array_add (self->sources, source);
      g_ptr_array_add (self->lists, &source->found);
    }
  g_clear_pointer (&self->config, aip_config_unref);
  self->config = aip_config_ref (config);
}

/* --- asking one --- */

static void
head_cb (AipTransfer *transfer, guint status, const AipHeaderView *headers, gsize n_headers, void *user_data)
{
  ((Source *) user_data)->status = status;
}

static gboolean
body_cb (AipTransfer *transfer, const char *data, gsize length, void *user_data)
{
  Source *source = user_data;

  if (source->body->len + length <= MAX_LIST_SIZE)
    g_byte_array_append (source->body, (const guint8 *) data, length);
  else
    source->status = 0;
  return TRUE;
}

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
done_cb (AipTransfer *transfer, const AipTransferResult *result, void *user_data)
{
  Source *source = user_data;
  g_autoptr (GByteArray) body = g_steal_pointer (&source->body);
  g_autoptr (GError) error = NULL;
  g_autofree char *problem = NULL;
  char **models = NULL;

  source->transfer = NULL;
  if (result->fault != AIP_FAULT_NONE)
    problem = g_strdup (result->message);
  else if (source->status != 200)
    problem = g_strdup_printf ("it answered with status %u", source->status);
  else
    models = aip_models_parse_list ((const char *) body->data, body->len, &error);
  finish (source, models, error != NULL ? error->message : problem);
}

static const AipTransferFuncs transfer_funcs = { .head = head_cb, .body = body_cb, .done = done_cb };

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

static GPtrArray *
make_headers (const AipProviderConfig *provider, const AipDialect *dialect, AipSecret *secret)
{
  GPtrArray *lines = g_ptr_array_new ();

  for (gsize i = 0; dialect->headers != NULL && dialect->headers[i] != NULL; i += 2)
    g_ptr_array_add (lines, g_strconcat (dialect->headers[i], ": ", dialect->headers[i + 1], NULL));
  for (const AipConfigHeader *header = provider->headers; header != NULL && header->name != NULL; header++)
    g_ptr_array_add (lines, g_strconcat (header->name, ": ", header->value, NULL));
  if (secret != NULL && dialect->auth_header != NULL)
    g_ptr_array_add (lines, g_strconcat (dialect->auth_header, ": ", dialect->auth_prefix,
                                         aip_secret_peek (secret, NULL), NULL));
  g_ptr_array_add (lines, NULL);
  return lines;
}

static void
ask (Source *source, const AipProviderConfig *provider)
{
  AipDiscovery *self = source->owner;
  const AipDialect *dialect = aip_dialect_find (provider->dialect);
  gboolean needs_secret;
  g_autoptr (AipSecret) secret = find_secret (self, provider->name, &needs_secret);
  g_autofree char *url = dialect->dup_url (provider->base_url, "models", NULL, NULL);
  GPtrArray *lines;

  if (needs_secret && secret == NULL)
    {
      finish (source, NULL, "it has no usable key");
      return;
    }
  lines = make_headers (provider, dialect, secret);
  source->status = 0;
  source->body = g_byte_array_new ();
  source->transfer = aip_upstream_start (self->upstream,
                                         &(AipTransferRequest){
                                             .method = "GET",
                                             .url = url,
                                             .headers = (const char *const *) lines->pdata,
                                             .connect_timeout = provider->timeouts.connect,
                                             .total_timeout = TOTAL_TIMEOUT_MS,
                                             .verify_tls = provider->verify_tls,
                                             .ca_file = provider->ca_file,
                                             .proxy = provider->proxy,
                                         },
                                         &transfer_funcs, source);
  for (guint i = 0; i + 1 < lines->len; i++)
    {
      aip_secret_wipe (lines->pdata[i], strlen (lines->pdata[i]));
      g_free (lines->pdata[i]);
    }
  g_ptr_array_unref (lines);
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

      if (source->transfer == NULL && source->next <= now)
        ask (source, aip_config_find_provider (self->config, source->found.provider));
    }
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
