/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-too-long.h"

/**
 * aip_too_long_add:
 * @self: what is known of a request
 * @model: the provider's name for a model that has turned it down; copied
 * @context: how many tokens fit into that model; 0: not known
 */
void
aip_too_long_add (AipTooLong *self, const char *model, guint context)
{
  g_return_if_fail (self != NULL && model != NULL);

  if (self->models == NULL)
    self->models = g_ptr_array_new_with_free_func (g_free);
  g_ptr_array_add (self->models, g_strdup (model));
  self->context = MAX (self->context, context);
}

/**
 * aip_too_long_clear:
 * @self: what is known of a request; all zero afterwards
 */
void
aip_too_long_clear (AipTooLong *self)
{
  g_return_if_fail (self != NULL);

  g_clear_pointer (&self->models, g_ptr_array_unref);
  self->context = 0;
}

/**
 * aip_too_long_rules_out:
 * @self: what is known of a request
 * @model: the provider's name for a model
 * @context: how many tokens fit into that model; 0: not known
 *
 * A model is the same wherever it is served, so its name alone rules it out once it has turned the request
 * down. Of others it is known only where both contexts are; where one is not, they may be asked.
 *
 * Returns: whether @model need not be asked
 */
gboolean
aip_too_long_rules_out (const AipTooLong *self, const char *model, guint context)
{
  g_return_val_if_fail (self != NULL && model != NULL, FALSE);

  if (self->models == NULL)
    return FALSE;
  if (context != 0 && context <= self->context)
    return TRUE;
  return g_ptr_array_find_with_equal_func (self->models, model, g_str_equal, NULL);
}
