/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-route.h"

static void
step_clear (AipRouteStep *step)
{
  g_clear_pointer (&step->candidates, g_array_unref);
}

/**
 * aip_route_new:
 *
 * Returns: (transfer full): a route without steps
 */
AipRoute *
aip_route_new (void)
{
  AipRoute *self = g_new0 (AipRoute, 1);

  self->steps = g_array_new (FALSE, FALSE, sizeof (AipRouteStep));
  g_array_set_clear_func (self->steps, (GDestroyNotify) step_clear);

  return self;
}

/**
 * aip_route_free:
 * @self: (transfer full): the route
 */
void
aip_route_free (AipRoute *self)
{
  g_return_if_fail (self != NULL);

  g_clear_pointer (&self->balance, aip_balance_free);
  g_array_unref (self->steps);
  g_free (self);
}

/**
 * aip_route_add:
 * @self: the route
 * @rank: see #AipRouteStep, as for the next
 * @provider: who serves it
 * @protocols: for which protocols
 * @model: the provider's name for the model; it must outlive @self
 * @context: how many tokens fit into @model; 0: not known
 *
 * Adds a step; aip_route_sort () puts them in order when all are there.
 */
void
aip_route_add (AipRoute *self,
               guint rank,
               const AipRouteProvider *provider,
               guint protocols,
               const char *model,
               guint context)
{
  g_return_if_fail (self != NULL && provider != NULL && model != NULL);

  AipRouteStep step = {
    .rank = rank,
    .provider = provider,
    .protocols = protocols,
    .model = model,
    .context = context,
    .candidates = aip_route_provider_ref_candidates (provider, model),
  };

  g_array_append_val (self->steps, step);
}

static int
compare_steps (const void *a, const void *b)
{
  const AipRouteStep *left = a;
  const AipRouteStep *right = b;
  int left_priority = left->provider->config->priority;
  int right_priority = right->provider->config->priority;

  if (left->rank != right->rank)
    return left->rank < right->rank ? -1 : 1;

  return (left_priority > right_priority) - (left_priority < right_priority);
}

/**
 * aip_route_sort:
 * @self: the route
 *
 * Puts the steps into the order in which they are tried: by the target's place, then by the provider's
 * priority; equals stay as they were added.
 */
void
aip_route_sort (AipRoute *self)
{
  g_return_if_fail (self != NULL);

  g_array_sort (self->steps, compare_steps);
}

/**
 * aip_route_count_group:
 * @self: a sorted route
 * @start: place of a step
 *
 * Returns: how many steps from @start on are for the same target and of the same provider priority
 */
guint
aip_route_count_group (const AipRoute *self, guint start)
{
  g_return_val_if_fail (self != NULL && start < self->steps->len, 0);

  const AipRouteStep *steps = (const AipRouteStep *) (const void *) self->steps->data;
  guint end = start + 1;

  while (end < self->steps->len && compare_steps (&steps[start], &steps[end]) == 0)
    end++;
  return end - start;
}
