/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-secret.h"
#include "config/aip-config-loader.h"
#include "config/aip-config-watch.h"

G_BEGIN_DECLS

/**
 * AipConfigEdit: a list of changes to a config file, made in the order they were added. What a change does
 * not name stays as it stands: comments, order, empty lines, other people's settings.
 */
typedef struct _AipConfigEdit AipConfigEdit;

/**
 * AipConfigBase: what was read or saved last, so that the next change of it need not read all anew.
 */
typedef struct _AipConfigBase AipConfigBase;

AipConfigBase *aip_config_base_new (void);
void aip_config_base_free (AipConfigBase *self);
AipConfig *aip_config_base_load (AipConfigBase *self,
                                 const char *const *paths,
                                 const char *const *environment,
                                 const AipConfigOverrides *overrides,
                                 GPtrArray *problems);

/**
 * AipConfigCheckFunc:
 * @config: a configuration that is valid in itself
 * @problems: (element-type AipConfigProblem): its warnings; gets what else is wrong
 *
 * Returns: whether it may be used here
 */
typedef gboolean (*AipConfigCheckFunc) (const AipConfig *config, GPtrArray *problems, void *user_data);

AipConfigEdit *aip_config_edit_new (void);
void aip_config_edit_free (AipConfigEdit *self);

void aip_config_edit_add_group (AipConfigEdit *self, const char *group);
void aip_config_edit_remove_group (AipConfigEdit *self, const char *group);
void aip_config_edit_set (AipConfigEdit *self, const char *group, const char *key, const char *value);
void
aip_config_edit_set_list (AipConfigEdit *self, const char *group, const char *key, const char *const *items);
void aip_config_edit_unset (AipConfigEdit *self, const char *group, const char *key);
void aip_config_edit_set_watch (AipConfigEdit *self, AipConfigWatch *watch);
void aip_config_edit_set_base (AipConfigEdit *self, AipConfigBase *base);
void aip_config_edit_set_check (AipConfigEdit *self, AipConfigCheckFunc check, void *user_data);

char *aip_config_edit_apply (const AipConfigEdit *self, const char *text, GError **error);

AipConfig *aip_config_edit_save (const AipConfigEdit *self,
                                 const char *const *paths,
                                 const char *const *environment,
                                 const AipConfigOverrides *overrides,
                                 GError **error);

AipSecret *aip_config_take_clear_secret (const char *path, const char *key_name, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipConfigBase, aip_config_base_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipConfigEdit, aip_config_edit_free)

G_END_DECLS
