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
 *
 * Adds a step; aip_route_sort () puts them in order when all are there.
 */
void
aip_route_add (AipRoute *self,
               guint rank,
               const AipRouteProvider *provider,
               guint protocols,
               const char *model)
{
  g_return_if_fail (self != NULL && provider != NULL && model != NULL);

  AipRouteStep step = {
    .rank = rank,
    .provider = provider,
    .protocols = protocols,
    .model = model,
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
 * aip_route_next_turn:
 * @self: the route
 *
 * Returns: 0, 1, 2 ...: each to one caller alone, whatever the thread
 */
guint
aip_route_next_turn (AipRoute *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return __atomic_fetch_add (&self->turn, 1, __ATOMIC_RELAXED);
}

static int
get_key_priority (const AipCandidate *candidate)
{
  return candidate->key == NULL ? 0 : candidate->key->priority;
}

static int
compare_candidates (const void *a, const void *b, void *user_data)
{
  int left = get_key_priority (a);
  int right = get_key_priority (b);

  return (left > right) - (left < right);
}

static gboolean
is_sorted (const AipCandidate *candidates, guint n)
{
  for (guint i = 1; i < n; i++)
    if (get_key_priority (&candidates[i - 1]) > get_key_priority (&candidates[i]))
      return FALSE;

  return TRUE;
}

static void
reverse (AipCandidate *candidates, guint n)
{
  for (guint i = 0; i < n / 2; i++)
    {
      AipCandidate swapped = candidates[i];

      candidates[i] = candidates[n - 1 - i];
      candidates[n - 1 - i] = swapped;
    }
}

/* Candidate @first comes to the front: three reversals, in place. */
static void
rotate (AipCandidate *candidates, guint n, guint first)
{
  reverse (candidates, first);
  reverse (candidates + first, n - first);
  reverse (candidates, n);
}

/* @candidates are all of one provider priority: by the key's priority, and equals take turns. */
static void
put_in_order (AipCandidate *candidates, guint n, guint turn)
{
  guint end = 0;

  /* Each provider's own keys are sorted already. */
  if (!is_sorted (candidates, n))
    g_qsort_with_data (candidates, (int) n, sizeof *candidates, compare_candidates, NULL);

  for (guint start = 0; start < n; start = end)
    {
      for (end = start + 1; end < n; end++)
        if (get_key_priority (&candidates[end]) != get_key_priority (&candidates[start]))
          break;
      if (end - start > 1)
        rotate (candidates + start, end - start, turn % (end - start));
    }
}

static void
append_candidates (GArray *plan, const AipRouteStep *step)
{
  guint start = plan->len;

  if (step->candidates->len == 0)
    return;

  g_array_append_vals (plan, step->candidates->data, step->candidates->len);
  for (guint i = start; i < plan->len; i++)
    g_array_index (plan, AipCandidate, i).model = step->model;
}

/**
 * aip_route_fill:
 * @self: a sorted route
 * @protocol: what the client speaks
 * @turn: who of equals comes first, see aip_route_next_turn ()
 * @plan: (element-type AipCandidate): gets the candidates, best first; their models are borrowed from the
 * steps
 */
void
aip_route_fill (const AipRoute *self, AipProtocol protocol, guint turn, GArray *plan)
{
  g_return_if_fail (self != NULL && plan != NULL);

  const AipRouteStep *steps = (const AipRouteStep *) (const void *) self->steps->data;
  guint end = 0;

  for (guint start = 0; start < self->steps->len; start = end)
    {
      guint n_before = plan->len;

      for (end = start; end < self->steps->len && compare_steps (&steps[start], &steps[end]) == 0; end++)
        if ((steps[end].protocols & (1u << protocol)) != 0)
          append_candidates (plan, &steps[end]);

      if (plan->len > n_before)
        put_in_order (&g_array_index (plan, AipCandidate, n_before), plan->len - n_before, turn);
    }
}
