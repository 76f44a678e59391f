/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-model-catalog.h"

#include <string.h>

#include "wire/aip-models-json.h"

static void
model_free (AipModelInfo *model)
{
  g_free ((char *) model->id);
  g_free ((char *) model->owner);
  g_free (model);
}

static const char *
find_owner (const AipRoute *route)
{
  for (guint i = 0; i < route->steps->len; i++)
    {
      const AipRouteStep *step = &g_array_index (route->steps, AipRouteStep, i);

      if (step->candidates->len > 0)
        return step->provider->config->name;
    }

  return NULL;
}

static int
compare_models (const void *a, const void *b)
{
  const AipModelInfo *left = *(const AipModelInfo *const *) a;
  const AipModelInfo *right = *(const AipModelInfo *const *) b;

  return strcmp (left->id, right->id);
}

/**
 * aip_model_catalog_new:
 * @table: the routes
 *
 * Lists all names known exactly, aliases too, that a provider with a usable key serves.
 *
 * Returns: (transfer full) (element-type AipModelInfo): sorted by id, each once; the array owns them and
 *   their strings
 */
GPtrArray *
aip_model_catalog_new (const AipRouteTable *table)
{
  GHashTableIter iter;
  void *name = NULL;

  g_return_val_if_fail (table != NULL, NULL);

  GPtrArray *models = g_ptr_array_new_with_free_func ((GDestroyNotify) model_free);

  g_hash_table_iter_init (&iter, table->slots);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    {
      const char *owner = find_owner (aip_route_table_find (table, name));

      if (owner == NULL)
        continue;

      AipModelInfo *model = g_new0 (AipModelInfo, 1);
      model->id = g_strdup (name);
      model->owner = g_strdup (owner);
      g_ptr_array_add (models, model);
    }

  g_ptr_array_sort (models, compare_models);

  return models;
}
