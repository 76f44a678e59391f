/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-snapshot"

#include "server/aip-snapshot.h"

/**
 * aip_snapshot_new:
 * @config: (transfer none): the configuration
 * @clients: (transfer none): who may use it
 * @router: (transfer none): what serves which model
 * @models_complete: every provider that has to be asked for its models was asked, and no secret is still to
 * come
 *
 * Returns: (transfer full): a snapshot of the three, and the guard that follows from the configuration
 */
AipSnapshot *
aip_snapshot_new (AipConfig *config, AipClients *clients, AipRouter *router, gboolean models_complete)
{
  AipSnapshot *self = g_new0 (AipSnapshot, 1);

  g_atomic_ref_count_init (&self->refs);
  self->config = aip_config_ref (config);
  self->clients = aip_clients_ref (clients);
  self->router = aip_router_ref (router);
  self->guard = aip_guard_new (config);
  self->models_complete = models_complete;
  return self;
}

/**
 * aip_snapshot_ref:
 * @self: a snapshot
 *
 * Returns: (transfer full): the same
 */
AipSnapshot *
aip_snapshot_ref (AipSnapshot *self)
{
  g_atomic_ref_count_inc (&self->refs);
  return self;
}

/**
 * aip_snapshot_unref:
 * @self: (transfer full): a snapshot
 */
void
aip_snapshot_unref (AipSnapshot *self)
{
  if (!g_atomic_ref_count_dec (&self->refs))
    return;
  aip_guard_free (self->guard);
  aip_router_unref (self->router);
  aip_clients_unref (self->clients);
  aip_config_unref (self->config);
  g_free (self);
}
