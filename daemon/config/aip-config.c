/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config.h"

#include "config/aip-config-schema.h"

/**
 * aip_config_new_unset:
 *
 * Makes a snapshot that holds nothing yet, not even defaults; aip_config_build () fills it.
 *
 * Returns: (transfer full): the snapshot
 */
AipConfig *
aip_config_new_unset (void)
{
  AipConfig *self = g_atomic_rc_box_new0 (AipConfig);

  for (const AipSettingGroup *group = aip_setting_groups; group->name != NULL; group++)
    if (group->size > 0)
      G_STRUCT_MEMBER (GPtrArray *, self, group->offset) = g_ptr_array_new ();
  return self;
}

static void
aip_config_clear (void *data)
{
  AipConfig *self = data;

  for (const AipSettingGroup *group = aip_setting_groups; group->name != NULL; group++)
    {
      GPtrArray *elements;

      if (group->size == 0)
        {
          aip_setting_group_clear (group, G_STRUCT_MEMBER_P (self, group->offset));
          continue;
        }
      elements = G_STRUCT_MEMBER (GPtrArray *, self, group->offset);
      for (guint i = 0; i < elements->len; i++)
        {
          void *element = g_ptr_array_index (elements, i);

          /* Every struct of a named group begins with its name. */
          g_free (*(char **) element);
          aip_setting_group_clear (group, element);
          g_free (element);
        }
      g_ptr_array_unref (elements);
    }
}

/**
 * aip_config_ref:
 * @self: a snapshot
 *
 * Takes one more reference; from any thread.
 *
 * Returns: (transfer full): @self
 */
AipConfig *
aip_config_ref (AipConfig *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return g_atomic_rc_box_acquire (self);
}

/**
 * aip_config_unref:
 * @self: (transfer full): a snapshot
 *
 * Gives a reference back; from any thread. The last one frees the snapshot.
 */
void
aip_config_unref (AipConfig *self)
{
  g_return_if_fail (self != NULL);

  g_atomic_rc_box_release_full (self, aip_config_clear);
}

/**
 * aip_config_find_provider:
 * @self: a snapshot
 * @name: as in [provider NAME]
 *
 * Returns: (transfer none) (nullable): the provider of that name
 */
const AipProviderConfig *
aip_config_find_provider (const AipConfig *self, const char *name)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (name != NULL, NULL);

  for (guint i = 0; i < self->providers->len; i++)
    {
      const AipProviderConfig *provider = g_ptr_array_index (self->providers, i);

      if (g_str_equal (provider->name, name))
        return provider;
    }
  return NULL;
}
