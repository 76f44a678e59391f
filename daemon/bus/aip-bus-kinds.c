/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bus"

#include <string.h>

#include "bus/aip-bus-collection.h"
#include "bus/aip-client-service.h"
#include "bus/aip-client-token.h"
#include "bus/aip-key-service.h"
#include "bus/aip-mapping-service.h"
#include "bus/aip-provider-service.h"

static gboolean
strv_equal (char **a, char **b)
{
  return g_strv_equal ((const char *const *) a, (const char *const *) b);
}

/* Every struct of a named group begins with its name. */
static char *
dup_first_member (gconstpointer section)
{
  return g_strdup (*(char *const *) section);
}

/* --- providers --- */

static gboolean
headers_equal (const AipConfigHeader *a, const AipConfigHeader *b)
{
  for (; a != NULL && b != NULL && a->name != NULL && b->name != NULL; a++, b++)
    if (!g_str_equal (a->name, b->name))
      return FALSE;
  return (a == NULL || a->name == NULL) && (b == NULL || b->name == NULL);
}

static gboolean
timeouts_equal (const AipTimeouts *a, const AipTimeouts *b)
{
  return a->connect == b->connect && a->first_byte == b->first_byte && a->idle == b->idle &&
         a->total == b->total;
}

static gboolean
provider_equal (gconstpointer a, gconstpointer b)
{
  const AipProviderConfig *x = a;
  const AipProviderConfig *y = b;

  return g_str_equal (x->dialect, y->dialect) && g_str_equal (x->base_url, y->base_url) &&
         strv_equal (x->models, y->models) && headers_equal (x->headers, y->headers) &&
         x->enabled == y->enabled && x->priority == y->priority && x->weight == y->weight &&
         x->verify_tls == y->verify_tls && g_strcmp0 (x->ca_file, y->ca_file) == 0 &&
         g_strcmp0 (x->proxy, y->proxy) == 0 && timeouts_equal (&x->timeouts, &y->timeouts);
}

static GDBusInterfaceSkeleton *
provider_create (const AipBusContext *context)
{
  return G_DBUS_INTERFACE_SKELETON (aip_provider_service_new (context));
}

static void
provider_show (GDBusInterfaceSkeleton *service, gconstpointer section)
{
  aip_provider_service_show (AIP_PROVIDER_SERVICE (service), section);
}

static void
provider_show_breaker (GDBusInterfaceSkeleton *service)
{
  aip_provider_service_show_breaker (AIP_PROVIDER_SERVICE (service));
}

const AipBusKind aip_bus_kind_provider = {
  .path = "provider",
  .dup_name = dup_first_member,
  .equal = provider_equal,
  .create = provider_create,
  .show = provider_show,
  .show_breaker = provider_show_breaker,
};

/* --- keys --- */

static gboolean
key_equal (gconstpointer a, gconstpointer b)
{
  const AipKeyConfig *x = a;
  const AipKeyConfig *y = b;

  return g_str_equal (x->provider, y->provider) && x->ref_kind == y->ref_kind &&
         g_strcmp0 (x->ref, y->ref) == 0 && x->enabled == y->enabled && x->priority == y->priority &&
         x->weight == y->weight && x->rpm == y->rpm && x->tpm == y->tpm && strv_equal (x->models, y->models);
}

static GDBusInterfaceSkeleton *
key_create (const AipBusContext *context)
{
  return G_DBUS_INTERFACE_SKELETON (aip_key_service_new (context));
}

static void
key_show (GDBusInterfaceSkeleton *service, gconstpointer section)
{
  aip_key_service_show (AIP_KEY_SERVICE (service), section);
}

static void
key_show_secret (GDBusInterfaceSkeleton *service, gconstpointer section)
{
  aip_key_service_show_secret (AIP_KEY_SERVICE (service), section);
}

static void
key_show_breaker (GDBusInterfaceSkeleton *service)
{
  aip_key_service_show_breaker (AIP_KEY_SERVICE (service));
}

const AipBusKind aip_bus_kind_key = {
  .path = "key",
  .dup_name = dup_first_member,
  .equal = key_equal,
  .create = key_create,
  .show = key_show,
  .show_secret = key_show_secret,
  .show_breaker = key_show_breaker,
};

/* --- mappings --- */

static char *
mapping_dup_name (gconstpointer section)
{
  return aip_mapping_dup_name (section);
}

static gboolean
mapping_equal (gconstpointer a, gconstpointer b)
{
  const AipMappingConfig *x = a;
  const AipMappingConfig *y = b;

  return strv_equal (x->targets, y->targets) && g_strcmp0 (x->strategy, y->strategy) == 0 &&
         x->at_provider == y->at_provider;
}

static GDBusInterfaceSkeleton *
mapping_create (const AipBusContext *context)
{
  return G_DBUS_INTERFACE_SKELETON (aip_mapping_service_new (context));
}

static void
mapping_show (GDBusInterfaceSkeleton *service, gconstpointer section)
{
  aip_mapping_service_show (AIP_MAPPING_SERVICE (service), section);
}

const AipBusKind aip_bus_kind_mapping = {
  .path = "mapping",
  .dup_name = mapping_dup_name,
  .equal = mapping_equal,
  .create = mapping_create,
  .show = mapping_show,
};

/* --- clients --- */

static gboolean
client_equal (gconstpointer a, gconstpointer b)
{
  const AipClientConfig *x = a;
  const AipClientConfig *y = b;

  return memcmp (x->digest, y->digest, sizeof x->digest) == 0 && g_strcmp0 (x->tenant, y->tenant) == 0 &&
         x->enabled == y->enabled && x->admin == y->admin && strv_equal (x->models, y->models) &&
         x->max_concurrent == y->max_concurrent && x->rpm == y->rpm && x->tpm == y->tpm &&
         x->daily_requests == y->daily_requests && x->daily_tokens == y->daily_tokens &&
         x->monthly_budget == y->monthly_budget &&
         strv_equal (x->allowed_strategies, y->allowed_strategies) &&
         strv_equal (x->allowed_providers, y->allowed_providers) &&
         strv_equal (x->allowed_keys, y->allowed_keys);
}

static GDBusInterfaceSkeleton *
client_create (const AipBusContext *context)
{
  return G_DBUS_INTERFACE_SKELETON (aip_client_service_new (context));
}

static void
client_show (GDBusInterfaceSkeleton *service, gconstpointer section)
{
  aip_client_service_show (AIP_CLIENT_SERVICE (service), section);
}

static void
client_show_secret (GDBusInterfaceSkeleton *service, gconstpointer section)
{
  aip_client_service_show_token (AIP_CLIENT_SERVICE (service), section);
}

const AipBusKind aip_bus_kind_client = {
  .path = "client",
  .dup_name = dup_first_member,
  .equal = client_equal,
  .create = client_create,
  .show = client_show,
  .show_secret = client_show_secret,
};
