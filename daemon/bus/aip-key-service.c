/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-key-service.h"

#include "base/aip-clock.h"
#include "base/aip-error.h"
#include "bus/aip-bus-secret.h"
#include "bus/aip-bus-settings.h"

struct _AipKeyService
{
  AipBusKeySkeleton parent_instance;

  const AipBusContext *context;
  AipSecret *shown; /* (nullable): whose fingerprint is shown */
  AipBusBreaker breaker;
};

static void aip_key_service_iface_init (AipBusKeyIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (AipKeyService,
                               aip_key_service,
                               AIP_BUS_TYPE_KEY_SKELETON,
                               G_IMPLEMENT_INTERFACE (AIP_BUS_TYPE_KEY, aip_key_service_iface_init))

static char *
dup_group (AipBusKey *key)
{
  return g_strconcat ("key ", aip_bus_key_get_name (key), NULL);
}

static const AipKeyConfig *
find_config (AipBusKey *key)
{
  const AipBusContext *context = AIP_KEY_SERVICE (key)->context;
  const AipConfig *config = context->host->get_config (context->host_data);

  for (guint i = 0; i < config->keys->len; i++)
    {
      const AipKeyConfig *candidate = g_ptr_array_index (config->keys, i);

      if (g_str_equal (candidate->name, aip_bus_key_get_name (key)))
        return candidate;
    }
  return NULL;
}

static GError *
make_dead_error (void)
{
  return g_error_new (AIP_ERROR, AIP_ERROR_NOT_FOUND, "the key was removed meanwhile; add it again");
}

static gboolean
refuse_dead (GDBusMethodInvocation *invocation)
{
  return aip_bus_fail (invocation, make_dead_error ());
}

static void
updated (GObject *service, GDBusMethodInvocation *invocation)
{
  aip_bus_key_complete_update (AIP_BUS_KEY (service), invocation);
}

static gboolean
handle_update (AipBusKey *key, GDBusMethodInvocation *invocation, GVariant *settings, GVariant *options)
{
  g_autofree char *group = dup_group (key);

  return aip_bus_update (AIP_KEY_SERVICE (key)->context, key, invocation, group, NULL, settings, options,
                         updated);
}

/* --- removing --- */

static void
removed (GObject *service, GDBusMethodInvocation *invocation)
{
  aip_bus_key_complete_remove (AIP_BUS_KEY (service), invocation);
}

static gboolean
handle_remove (AipBusKey *key, GDBusMethodInvocation *invocation, GVariant *options)
{
  static const char *const known[] = { "keep-secret:b", NULL };
  const AipBusContext *context = AIP_KEY_SERVICE (key)->context;
  const AipKeyConfig *config = find_config (key);
  g_autofree char *group = dup_group (key);
  g_autoptr (AipChange) change = aip_change_new ();
  AipKeyStore *store = context->host->get_key_store (context->host_data);

  if (aip_bus_refuse_options (invocation, options, known))
    return TRUE;
  aip_config_edit_remove_group (aip_change_get_edit (change), group);
  if (config != NULL && config->ref_kind == AIP_KEY_REF_KEYRING && aip_key_store_is_writable (store) &&
      !aip_bus_options_get_boolean (options, "keep-secret", FALSE))
    aip_change_remove_secret (change, config->name);
  return aip_bus_change (context, key, invocation, g_steal_pointer (&change), removed);
}

/* --- secrets --- */

/* A removal may have been before it: the keyring would have a secret that no key names. */
static gboolean
check_alive (AipChange *change, void *data, GError **error)
{
  const AipKeyConfig *config = find_config (data);
  g_autofree char *group = NULL;

  if (config == NULL)
    {
      g_propagate_error (error, make_dead_error ());
      return FALSE;
    }
  if (config->ref_kind != AIP_KEY_REF_KEYRING)
    {
      group = dup_group (data);
      aip_config_edit_set (aip_change_get_edit (change), group, "secret", "keyring");
    }
  return TRUE;
}

static gboolean
put_secret (AipBusKey *key, GDBusMethodInvocation *invocation, AipSecret *secret, AipBusReplyFunc reply)
{
  AipChange *change = aip_change_new ();

  aip_change_put_secret (change, aip_bus_key_get_name (key), secret);
  aip_change_set_check (change, check_alive, g_object_ref (key), g_object_unref);
  return aip_bus_change (AIP_KEY_SERVICE (key)->context, key, invocation, change, reply);
}

static void
secret_set (GObject *service, GDBusMethodInvocation *invocation)
{
  aip_bus_key_complete_set_secret (AIP_BUS_KEY (service), invocation, NULL);
}

typedef struct
{
  AipBusKey *key;
  GDBusMethodInvocation *invocation;
} SecretCall;

static void
secret_read_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  SecretCall *call = user_data;
  GError *error = NULL;
  g_autoptr (AipSecret) secret = aip_bus_secret_read_finish (result, &error);

  if (secret != NULL)
    put_secret (call->key, call->invocation, secret, secret_set);
  else
    aip_bus_fail (call->invocation, error);
  g_object_unref (call->key);
  g_free (call);
}

static gboolean
handle_set_secret (AipBusKey *key,
                   GDBusMethodInvocation *invocation,
                   GUnixFDList *list,
                   GVariant *secret,
                   GVariant *options)
{
  SecretCall *call;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  call = g_new0 (SecretCall, 1);
  *call = (SecretCall){ g_object_ref (key), invocation };
  aip_bus_secret_read_async (list, g_variant_get_handle (secret), AIP_BUS_SECRET_TIME_LIMIT,
                             AIP_KEY_SERVICE (key)->context->ending, secret_read_cb, call);
  return TRUE;
}

static void
secret_imported (GObject *service, GDBusMethodInvocation *invocation)
{
  aip_bus_key_complete_import_secret (AIP_BUS_KEY (service), invocation);
}

static gboolean
handle_import_secret (AipBusKey *key, GDBusMethodInvocation *invocation, GVariant *options)
{
  const AipBusContext *context = AIP_KEY_SERVICE (key)->context;
  const AipKeyConfig *config = find_config (key);
  g_autoptr (AipSecret) secret = NULL;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  if (config != NULL && config->ref_kind == AIP_KEY_REF_KEYRING)
    return aip_bus_fail (
        invocation, g_error_new (AIP_ERROR, AIP_ERROR_EXISTS,
                                 "the secret of key %s is to be found in the keyring already", config->name));
  secret = config != NULL ? context->host->find_secret (config, context->host_data) : NULL;
  if (secret == NULL)
    return aip_bus_fail (invocation, g_error_new (AIP_ERROR, AIP_ERROR_NOT_FOUND,
                                                  "there is no secret to import: %s gives none",
                                                  aip_bus_key_get_source (key)));
  return put_secret (key, invocation, secret, secret_imported);
}

/* --- its breaker --- */

static AipLiveKey *
find_live (AipBusKey *key)
{
  const AipBusContext *context = AIP_KEY_SERVICE (key)->context;

  return aip_live_keys_find (context->host->get_live_keys (context->host_data),
                             aip_bus_key_get_provider (key), aip_bus_key_get_name (key));
}

static GVariant *
make_live (AipLiveKey *live)
{
  g_auto (GVariantDict) dict = G_VARIANT_DICT_INIT (NULL);
  gint64 now = aip_clock_now ();
  g_autofree char *reason = aip_live_key_dup_reason (live, now);
  AipLiveKeyFigures figures;
  AipLiveKeyTotals totals;

  aip_live_key_get_figures (live, now, &figures);
  aip_live_key_get_totals (live, &totals);
  g_variant_dict_insert (&dict, "state", "s",
                         aip_breaker_state_get_name (aip_live_key_get_state (live, now)));
  g_variant_dict_insert (&dict, "reason", "s", reason != NULL ? reason : "");
  g_variant_dict_insert (&dict, "in-flight", "u", figures.in_flight);
  g_variant_dict_insert (&dict, "success", "d", figures.success);
  g_variant_dict_insert (&dict, "first-byte-us", "d", figures.first_byte_us);
  g_variant_dict_insert (&dict, "tokens-per-s", "d", figures.tokens_per_s);
  g_variant_dict_insert (&dict, "attempts", "t", totals.attempts);
  g_variant_dict_insert (&dict, "succeeded", "t", totals.succeeded);
  return g_variant_dict_end (&dict);
}

static gboolean
handle_get_live (AipBusKey *key, GDBusMethodInvocation *invocation, GVariant *options)
{
  g_autoptr (AipLiveKey) live = NULL;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  live = find_live (key);
  if (live == NULL)
    return refuse_dead (invocation);
  aip_bus_key_complete_get_live (key, invocation, make_live (live));
  return TRUE;
}

static gboolean
handle_reset_breaker (AipBusKey *key, GDBusMethodInvocation *invocation, GVariant *options)
{
  g_autoptr (AipLiveKey) live = NULL;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  live = find_live (key);
  if (live == NULL)
    return refuse_dead (invocation);
  aip_live_key_reset (live);
  aip_key_service_show_breaker (AIP_KEY_SERVICE (key));
  aip_bus_key_complete_reset_breaker (key, invocation);
  return TRUE;
}

/* --- testing --- */

static void
tested_cb (const AipTestResult *result, void *user_data)
{
  aip_bus_key_complete_test (NULL, user_data, aip_bus_make_test_result (result));
}

static gboolean
handle_test (AipBusKey *key, GDBusMethodInvocation *invocation, GVariant *options)
{
  const AipBusContext *context = AIP_KEY_SERVICE (key)->context;

  if (!aip_bus_refuse_options (invocation, options, NULL))
    context->host->test (aip_bus_key_get_provider (key), aip_bus_key_get_name (key), tested_cb, invocation,
                         context->host_data);
  return TRUE;
}

static void
aip_key_service_iface_init (AipBusKeyIface *iface)
{
  iface->handle_update = handle_update;
  iface->handle_remove = handle_remove;
  iface->handle_set_secret = handle_set_secret;
  iface->handle_import_secret = handle_import_secret;
  iface->handle_get_live = handle_get_live;
  iface->handle_reset_breaker = handle_reset_breaker;
  iface->handle_test = handle_test;
}

static void
aip_key_service_finalize (GObject *object)
{
  g_clear_pointer (&AIP_KEY_SERVICE (object)->shown, aip_secret_unref);
  G_OBJECT_CLASS (aip_key_service_parent_class)->finalize (object);
}

static void
aip_key_service_class_init (AipKeyServiceClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = aip_key_service_finalize;
}

static void
aip_key_service_init (AipKeyService *self)
{
}

/**
 * aip_key_service_new:
 * @context: (transfer none): the context
 *
 * Returns: (transfer full): a key on the bus that shows nothing yet
 */
AipKeyService *
aip_key_service_new (const AipBusContext *context)
{
  AipKeyService *self = g_object_new (AIP_TYPE_KEY_SERVICE, NULL);

  self->context = context;
  return self;
}

static char *
dup_source (const AipKeyConfig *config)
{
  if (config->ref_kind == AIP_KEY_REF_KEYRING)
    return g_strdup ("keyring");
  return g_strconcat (config->ref_kind == AIP_KEY_REF_ENVIRONMENT ? "env:" : "credential:", config->ref,
                      NULL);
}

/**
 * aip_key_service_show:
 * @self: a key on the bus
 * @config: what to show
 */
void
aip_key_service_show (AipKeyService *self, const AipKeyConfig *config)
{
  AipBusKey *key = AIP_BUS_KEY (self);
  g_autofree char *source = dup_source (config);

  aip_bus_key_set_name (key, config->name);
  aip_bus_key_set_provider (key, config->provider);
  aip_bus_key_set_source (key, source);
  aip_bus_key_set_enabled (key, config->enabled);
  aip_bus_key_set_priority (key, config->priority);
  aip_bus_key_set_weight (key, config->weight);
  aip_bus_key_set_rpm (key, config->rpm);
  aip_bus_key_set_tpm (key, config->tpm);
  aip_bus_key_set_models (key, (const char *const *) config->models);
}

/**
 * aip_key_service_show_breaker:
 * @self: a key on the bus that shows its configuration
 *
 * Shows its breaker as it is now.
 */
void
aip_key_service_show_breaker (AipKeyService *self)
{
  AipBusKey *key = AIP_BUS_KEY (self);
  AipBusBreakerText text;

  if (!aip_bus_breakers_look (self->context->breakers, aip_bus_key_get_provider (key),
                              aip_bus_key_get_name (key), &self->breaker, &text))
    return;
  aip_bus_key_set_breaker_state (key, text.state);
  aip_bus_key_set_breaker_reason (key, text.reason);
  aip_bus_key_set_breaker_until (key, text.until);
  g_free (text.reason);
}

static const char *
name_missing (const AipBusContext *context, const AipKeyConfig *config)
{
  if (config->ref_kind != AIP_KEY_REF_KEYRING)
    return "missing";
  switch (aip_key_store_get_state (context->host->get_key_store (context->host_data)))
    {
    case AIP_KEY_STORE_LOADING:
      return "loading";
    case AIP_KEY_STORE_LOCKED:
      return "locked";
    case AIP_KEY_STORE_UNAVAILABLE:
      return "unavailable";
    case AIP_KEY_STORE_READY:
    default:
      return "missing";
    }
}

/**
 * aip_key_service_show_secret:
 * @self: a key on the bus
 * @config: the key
 *
 * Shows whether its secret is there, and its fingerprint.
 */
void
aip_key_service_show_secret (AipKeyService *self, const AipKeyConfig *config)
{
  const AipBusContext *context = self->context;
  AipBusKey *key = AIP_BUS_KEY (self);
  g_autoptr (AipSecret) secret = context->host->find_secret (config, context->host_data);

  if (secret == NULL)
    {
      /* Setting a property is dear, also to what it is already; and where one secret is missing, so are many.
       */
      const char *state = name_missing (context, config);

      if (self->shown == NULL && g_strcmp0 (aip_bus_key_get_secret_state (key), state) == 0)
        return;
      aip_bus_key_set_secret_state (key, state);
      aip_bus_key_set_fingerprint (key, "");
    }
  else if (secret != self->shown)
    {
      g_autofree char *fingerprint = aip_secret_dup_fingerprint (secret);

      aip_bus_key_set_secret_state (key, "present");
      aip_bus_key_set_fingerprint (key, fingerprint);
    }
  g_clear_pointer (&self->shown, aip_secret_unref);
  self->shown = g_steal_pointer (&secret);
}
