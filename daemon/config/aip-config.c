/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config.h"

#include <stddef.h>

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

/* Snapshots share the sections of named groups that are the same in both; the count stands before each. */
typedef union
{
  gatomicrefcount ref_count;
  max_align_t align;
} SectionHead;

static SectionHead *
get_head (void *section)
{
  return (SectionHead *) section - 1;
}

/**
 * aip_config_section_new:
 * @kind: a kind of group that has names
 * @name: the group's name
 *
 * Returns: (transfer full): the group's struct, with nothing but its name
 */
void *
aip_config_section_new (const AipSettingGroup *kind, const char *name)
{
  SectionHead *head = g_malloc0 (sizeof (SectionHead) + kind->size);
  void *section = head + 1;

  g_atomic_ref_count_init (&head->ref_count);
  /* Every struct of a named group begins with its name. */
  *(char **) section = g_strdup (name);
  return section;
}

/**
 * aip_config_section_ref:
 * @section: the struct of a named group
 *
 * Returns: (transfer full): @section, which is not to be changed any more
 */
void *
aip_config_section_ref (void *section)
{
  g_atomic_ref_count_inc (&get_head (section)->ref_count);
  return section;
}

/**
 * aip_config_section_unref:
 * @kind: its kind of group
 * @section: (transfer full): the struct of a named group
 */
void
aip_config_section_unref (const AipSettingGroup *kind, void *section)
{
  SectionHead *head = get_head (section);

  if (!g_atomic_ref_count_dec (&head->ref_count))
    return;
  g_free (*(char **) section);
  aip_setting_group_clear (kind, section);
  g_free (head);
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
        aip_config_section_unref (group, g_ptr_array_index (elements, i));
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

/* Every struct of a named group begins with its name. */
static const void *
find_by_name (const GPtrArray *elements, const char *name)
{
  for (guint i = 0; i < elements->len; i++)
    {
      char *const *element = g_ptr_array_index (elements, i);

      if (g_str_equal (*element, name))
        return element;
    }
  return NULL;
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

  return find_by_name (self->providers, name);
}

/**
 * aip_config_find_client:
 * @self: a snapshot
 * @name: as in [client NAME]
 *
 * Returns: (transfer none) (nullable): the client of that name
 */
const AipClientConfig *
aip_config_find_client (const AipConfig *self, const char *name)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (name != NULL, NULL);

  return find_by_name (self->clients, name);
}

/**
 * aip_config_find_tenant:
 * @self: a snapshot
 * @name: as in [tenant NAME]
 *
 * Returns: (transfer none) (nullable): the tenant of that name
 */
const AipTenantConfig *
aip_config_find_tenant (const AipConfig *self, const char *name)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (name != NULL, NULL);

  return find_by_name (self->tenants, name);
}

/**
 * aip_config_accepts_jwt:
 * @self: a snapshot
 *
 * Returns: whether there is a key that JSON Web Tokens are checked with
 */
gboolean
aip_config_accepts_jwt (const AipConfig *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->jwt.secret.name != NULL || self->jwt.key_file != NULL || self->jwt.jwks_file != NULL;
}
