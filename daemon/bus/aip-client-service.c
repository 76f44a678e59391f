/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include "bus/aip-client-service.h"

#include "base/aip-error.h"
#include "bus/aip-bus-secret.h"
#include "bus/aip-bus-settings.h"
#include "bus/aip-bus-usage.h"
#include "bus/aip-client-token.h"

struct _AipClientService
{
  AipBusClientSkeleton parent_instance;

  const AipBusContext *context;
  gboolean first; /* it is in no config file yet */
};

static void aip_client_service_iface_init (AipBusClientIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (AipClientService,
                               aip_client_service,
                               AIP_BUS_TYPE_CLIENT_SKELETON,
                               G_IMPLEMENT_INTERFACE (AIP_BUS_TYPE_CLIENT, aip_client_service_iface_init))

static char *
dup_group (AipBusClient *client)
{
  return g_strconcat ("client ", aip_bus_client_get_name (client), NULL);
}

static gboolean
refuse_first (AipClientService *self, GDBusMethodInvocation *invocation)
{
  return self->first &&
         aip_bus_fail (
             invocation,
             g_error_new (AIP_ERROR, AIP_ERROR_NOT_SUPPORTED,
                          "client %s is in no config file yet: rotate its token, which puts it there",
                          aip_bus_client_get_name (AIP_BUS_CLIENT (self))));
}

static void
updated (GObject *service, GDBusMethodInvocation *invocation)
{
  aip_bus_client_complete_update (AIP_BUS_CLIENT (service), invocation);
}

static gboolean
handle_update (AipBusClient *client, GDBusMethodInvocation *invocation, GVariant *settings, GVariant *options)
{
  AipClientService *self = AIP_CLIENT_SERVICE (client);
  g_autofree char *group = dup_group (client);

  return refuse_first (self, invocation) ||
         aip_bus_update (self->context, self, invocation, group, "token-sha256", settings, options, updated);
}

static void
removed (GObject *service, GDBusMethodInvocation *invocation)
{
  aip_bus_client_complete_remove (AIP_BUS_CLIENT (service), invocation);
}

static gboolean
handle_remove (AipBusClient *client, GDBusMethodInvocation *invocation, GVariant *options)
{
  AipClientService *self = AIP_CLIENT_SERVICE (client);
  g_autofree char *group = dup_group (client);
  AipChange *change;

  if (aip_bus_refuse_options (invocation, options, NULL) || refuse_first (self, invocation))
    return TRUE;
  change = aip_change_new ();
  aip_config_edit_remove_group (aip_change_get_edit (change), group);
  if (aip_client_token_is_kept (self->context))
    aip_client_token_forget (change, aip_bus_client_get_name (client));
  return aip_bus_change (self->context, self, invocation, change, removed);
}

/* --- tokens --- */

static const AipClientConfig *
find_config (AipClientService *self)
{
  const char *name = aip_bus_client_get_name (AIP_BUS_CLIENT (self));
  const AipConfig *config = self->context->host->get_config (self->context->host_data);

  for (guint i = 0; i < config->clients->len; i++)
    {
      const AipClientConfig *client = g_ptr_array_index (config->clients, i);

      if (g_str_equal (client->name, name))
        return client;
    }
  return NULL;
}

/* @config: (nullable): it is in no config file, or not any more */
static AipSecret *
find_token (AipClientService *self, const AipClientConfig *config)
{
  if (self->first)
    return self->context->host->get_first_token (self->context->host_data);
  return config != NULL ? aip_client_token_find (self->context, config) : NULL;
}

static void
reveal (AipClientService *self, GDBusMethodInvocation *invocation)
{
  AipBusClient *client = AIP_BUS_CLIENT (self);
  g_autoptr (AipSecret) token = find_token (self, find_config (self));
  g_autoptr (GUnixFDList) pipe = NULL;
  GError *error = NULL;

  if (token == NULL)
    error = aip_client_token_make_error (self->context, aip_bus_client_get_name (client));
  else
    pipe = aip_bus_secret_make_pipe (token, &error);
  if (pipe == NULL)
    aip_bus_fail (invocation, error);
  else
    aip_bus_client_complete_reveal_token (client, invocation, pipe, g_variant_new_handle (0));
}

/* A call that waits for the keyring. */
typedef struct
{
  AipClientService *service;
  GDBusMethodInvocation *invocation; /* (nullable): not answered yet */
} Waiting;

static void
waiting_free (void *data, GClosure *closure)
{
  Waiting *waiting = data;

  g_clear_object (&waiting->invocation);
  g_object_unref (waiting->service);
  g_free (waiting);
}

static void
store_changed_cb (AipKeyStore *store, gpointer user_data)
{
  Waiting *waiting = user_data;

  if (waiting->invocation == NULL || aip_client_token_is_awaited (waiting->service->context))
    return;
  reveal (waiting->service, g_steal_pointer (&waiting->invocation));
  /* Frees it. */
  g_signal_handlers_disconnect_by_data (store, waiting);
}

/* The first call may be what has started the daemon: a token that is not there yet is not lost. */
static void
reveal_later (AipClientService *self, GDBusMethodInvocation *invocation)
{
  Waiting *waiting = g_new0 (Waiting, 1);

  *waiting = (Waiting){ g_object_ref (self), invocation };
  g_signal_connect_data (self->context->host->get_key_store (self->context->host_data), "changed",
                         G_CALLBACK (store_changed_cb), waiting, waiting_free, G_CONNECT_AFTER);
}

static gboolean
handle_reveal_token (AipBusClient *client,
                     GDBusMethodInvocation *invocation,
                     GUnixFDList *list,
                     GVariant *options)
{
  AipClientService *self = AIP_CLIENT_SERVICE (client);

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  if (aip_client_token_is_awaited (self->context) && !self->first)
    reveal_later (self, invocation);
  else
    reveal (self, invocation);
  return TRUE;
}

static void
rotated (GObject *service, GDBusMethodInvocation *invocation)
{
  AipClientService *self = AIP_CLIENT_SERVICE (service);
  g_autoptr (AipSecret) token = g_object_steal_data (G_OBJECT (invocation), "token");
  g_autoptr (GUnixFDList) pipe = NULL;
  GError *error = NULL;

  /* Where no keyring took it, its file may still be there when the config file knows the client. */
  if (g_str_equal (aip_bus_client_get_name (AIP_BUS_CLIENT (self)), AIP_FIRST_CLIENT))
    self->context->host->drop_first_token (self->context->host_data);
  pipe = aip_bus_secret_make_pipe (token, &error);
  if (pipe == NULL)
    aip_bus_fail (invocation, error);
  else
    aip_bus_client_complete_rotate_token (AIP_BUS_CLIENT (self), invocation, pipe, g_variant_new_handle (0));
}

/* A removal may have been before it: the new token would let the client in again. */
static gboolean
check_alive (AipChange *change, void *data, GError **error)
{
  if (find_config (data) != NULL)
    return TRUE;
  g_set_error (error, AIP_ERROR, AIP_ERROR_NOT_FOUND, "client %s was removed meanwhile; add it again",
               aip_bus_client_get_name (data));
  return FALSE;
}

static gboolean
handle_rotate_token (AipBusClient *client,
                     GDBusMethodInvocation *invocation,
                     GUnixFDList *list,
                     GVariant *options)
{
  AipClientService *self = AIP_CLIENT_SERVICE (client);
  g_autofree char *group = dup_group (client);
  g_autoptr (AipSecret) token = NULL;
  AipChange *change;

  if (aip_bus_refuse_options (invocation, options, NULL))
    return TRUE;
  change = aip_change_new ();
  if (self->first)
    aip_config_edit_add_group (aip_change_get_edit (change), group);
  else
    aip_change_set_check (change, check_alive, g_object_ref (self), g_object_unref);
  token = aip_client_token_issue (self->context, change, aip_bus_client_get_name (client));
  g_object_set_data_full (G_OBJECT (invocation), "token", g_steal_pointer (&token),
                          (GDestroyNotify) aip_secret_unref);
  return aip_bus_change (self->context, self, invocation, change, rotated);
}

static gboolean
handle_get_usage (AipBusClient *client, GDBusMethodInvocation *invocation, GVariant *options)
{
  const AipBusContext *context = AIP_CLIENT_SERVICE (client)->context;

  if (!aip_bus_refuse_options (invocation, options, NULL))
    aip_bus_client_complete_get_usage (client, invocation,
                                       aip_bus_usage_of_client (context, aip_bus_client_get_name (client)));
  return TRUE;
}

static void
aip_client_service_iface_init (AipBusClientIface *iface)
{
  iface->handle_update = handle_update;
  iface->handle_remove = handle_remove;
  iface->handle_reveal_token = handle_reveal_token;
  iface->handle_rotate_token = handle_rotate_token;
  iface->handle_get_usage = handle_get_usage;
}

static void
aip_client_service_class_init (AipClientServiceClass *klass)
{
}

static void
aip_client_service_init (AipClientService *self)
{
}

/**
 * aip_client_service_new:
 * @context: (transfer none): the context
 *
 * Returns: (transfer full): a client on the bus that shows nothing yet
 */
AipClientService *
aip_client_service_new (const AipBusContext *context)
{
  AipClientService *self = g_object_new (AIP_TYPE_CLIENT_SERVICE, NULL);

  self->context = context;
  return self;
}

/**
 * aip_client_service_show:
 * @self: a client on the bus
 * @config: what to show
 */
void
aip_client_service_show (AipClientService *self, const AipClientConfig *config)
{
  AipBusClient *client = AIP_BUS_CLIENT (self);

  self->first = FALSE;
  aip_bus_client_set_name (client, config->name);
  aip_bus_client_set_tenant (client, config->tenant != NULL ? config->tenant : "");
  aip_bus_client_set_enabled (client, config->enabled);
  aip_bus_client_set_admin (client, config->admin);
  aip_bus_client_set_models (client, (const char *const *) config->models);
  aip_bus_client_set_max_concurrent (client, config->max_concurrent);
  aip_bus_client_set_rpm (client, config->rpm);
  aip_bus_client_set_tpm (client, config->tpm);
  aip_bus_client_set_daily_requests (client, config->daily_requests);
  aip_bus_client_set_daily_tokens (client, config->daily_tokens);
  aip_bus_client_set_monthly_budget (client, config->monthly_budget);
  aip_bus_client_set_allowed_strategies (client, (const char *const *) config->allowed_strategies);
  aip_bus_client_set_allowed_providers (client, (const char *const *) config->allowed_providers);
  aip_bus_client_set_allowed_keys (client, (const char *const *) config->allowed_keys);
}

/**
 * aip_client_service_show_first:
 * @self: a client on the bus
 *
 * Shows the client whose token was made at the first start and that no config file names.
 */
void
aip_client_service_show_first (AipClientService *self)
{
  static const char *const none[] = { NULL };
  AipBusClient *client = AIP_BUS_CLIENT (self);

  self->first = TRUE;
  aip_bus_client_set_name (client, AIP_FIRST_CLIENT);
  aip_bus_client_set_tenant (client, "");
  aip_bus_client_set_enabled (client, TRUE);
  aip_bus_client_set_models (client, none);
  aip_bus_client_set_allowed_strategies (client, none);
  aip_bus_client_set_allowed_providers (client, none);
  aip_bus_client_set_allowed_keys (client, none);
}

/**
 * aip_client_service_show_token:
 * @self: a client on the bus
 * @config: (nullable): the client; NULL: it is in no config file
 *
 * Shows whether its token can be revealed.
 */
void
aip_client_service_show_token (AipClientService *self, const AipClientConfig *config)
{
  g_autoptr (AipSecret) token = find_token (self, config);

  aip_bus_client_set_token_kept (AIP_BUS_CLIENT (self), token != NULL);
}
