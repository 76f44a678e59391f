/* SPDX-License-Identifier: MIT */
#pragma once

#include "aip-key-stores.h"
#include "config/aip-config-edit.h"
#include "keys/aip-key-store.h"
#include "server/aip-snapshot.h"

G_BEGIN_DECLS

/**
 * AipAssembly: makes the snapshots that the workers serve by, out of the configuration, the secrets, the
 * first token and the providers' model lists; and again whenever one of them changes. On the main thread.
 */
typedef struct _AipAssembly AipAssembly;
typedef void (*AipAssemblyFunc) (AipSnapshot *snapshot, void *user_data);

/**
 * AipSocketsReach: who can connect to the sockets that the daemon serves on.
 */
typedef enum
{
  AIP_SOCKETS_AS_CONFIGURED, /* there are none yet */
  AIP_SOCKETS_LOCAL,
  AIP_SOCKETS_EXPOSED, /* other machines */
} AipSocketsReach;

/**
 * AipAssemblySources: where all comes from.
 * @paths: config files in rising precedence
 * @must_exist: the last path has to be there
 * @overrides: what the command line says
 * @sockets: what is known of the sockets that the daemon serves on, whatever the configuration says of them
 * @state_dir: the daemon's folder for state
 * @key_store: (nullable): where secret=keyring is looked up, as in aip_key_stores_new (); NULL: "auto"
 * @on_session_bus: "auto" may look for a keyring
 * @demo_token: (nullable): one more token that is accepted
 */
typedef struct
{
  char **paths;
  gboolean must_exist;
  AipConfigOverrides overrides;
  AipSocketsReach sockets;
  char *state_dir;
  const char *key_store;
  gboolean on_session_bus;
  char *demo_token;
} AipAssemblySources;

AipAssembly *aip_assembly_new (const AipAssemblySources *sources, AipAssemblyFunc changed, void *user_data);
void aip_assembly_free (AipAssembly *self);
AipConfig *aip_assembly_read_config (const AipAssemblySources *sources, GPtrArray *problems);
AipConfig *aip_assembly_check (const AipAssemblySources *sources, char ***problems);
gboolean aip_assembly_load (AipAssembly *self, GError **error);
gboolean aip_assembly_apply (AipAssembly *self, AipConfigEdit *edit, GError **error);
const char *const *aip_assembly_get_problems (AipAssembly *self, gboolean *valid);
gboolean aip_assembly_is_loading (AipAssembly *self);
AipKeyStore *aip_assembly_get_key_store (AipAssembly *self);
guint aip_assembly_get_secrets_serial (AipAssembly *self);
AipSecret *aip_assembly_find_secret (AipAssembly *self, const AipKeyConfig *key);
const char *aip_assembly_explain_secret (AipAssembly *self, const AipKeyConfig *key);
void aip_assembly_reload_secrets (AipAssembly *self);
void aip_assembly_settle_secrets (AipAssembly *self, AipKeyStoresFunc func, void *user_data);
void aip_assembly_end_waits (AipAssembly *self);
AipSecret *aip_assembly_get_first_token (AipAssembly *self);
AipSnapshot *aip_assembly_get_snapshot (AipAssembly *self);
AipLiveKeys *aip_assembly_get_live_keys (AipAssembly *self);
void aip_assembly_refresh_models (AipAssembly *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipAssembly, aip_assembly_free)

G_END_DECLS
