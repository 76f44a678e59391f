/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include "routing/aip-route-plan.h"

#include "base/aip-glob.h"
#include "routing/aip-live-key-private.h"

/* Most routes have no more candidates, and need no memory but the stack's. */
#define FEW 16
/* When to look again whether the attempt that finds out is over. */
#define PROBE_WAIT_US G_USEC_PER_SEC

typedef enum
{
  STANDING_READY,
  STANDING_DUE,   /* half-open, and has waited long enough for a request to find out */
  STANDING_SPENT, /* the provider's limit is used up, or has too little left for this request */
  STANDING_HALF_OPEN,
  STANDING_PROBED, /* half-open, and an attempt is finding out */
  STANDING_OPEN,
  STANDING_FULL,      /* our own limits */
  STANDING_FORBIDDEN, /* the client may not use it */
} Standing;

/**
 * aip_route_plan_init:
 * @self: (out caller-allocates): an empty plan
 * @query: what is asked for; it must outlive @self
 * @n_expected: about how many candidates there will be
 */
void
aip_route_plan_init (AipRoutePlan *self, const AipRouteQuery *query, guint n_expected)
{
  g_return_if_fail (self != NULL && query != NULL);

  *self = (AipRoutePlan){
    .query = query,
    .candidates = g_array_sized_new (FALSE, FALSE, sizeof (AipCandidate), MAX (n_expected, 1)),
    .wait_us = -1,
  };
}

/**
 * aip_route_plan_clear:
 * @self: a plan
 */
void
aip_route_plan_clear (AipRoutePlan *self)
{
  g_return_if_fail (self != NULL);

  g_clear_pointer (&self->candidates, g_array_unref);
  g_clear_pointer (&self->last, g_array_unref);
}

/* --- who is in --- */

static gboolean
is_allowed (const AipRouteQuery *query, const AipCandidate *candidate)
{
  for (guint i = 0; i < AIP_ROUTE_RIGHTS; i++)
    {
      if (query->providers[i] != NULL && !aip_glob_match_any (query->providers[i], candidate->provider->name))
        return FALSE;
      if (query->keys[i] != NULL && candidate->key != NULL &&
          !aip_glob_match_any (query->keys[i], candidate->key->name))
        return FALSE;
    }
  return TRUE;
}

static gboolean
is_restricted (const AipRouteQuery *query)
{
  for (guint i = 0; i < AIP_ROUTE_RIGHTS; i++)
    if (query->providers[i] != NULL || query->keys[i] != NULL)
      return TRUE;
  return FALSE;
}

static Standing
get_half_open_standing (const AipRoutePlan *self, AipLiveKey *live, gint64 until_us, gint64 *wait_us)
{
  if (aip_breaker_is_probing (&live->breaker))
    {
      *wait_us = PROBE_WAIT_US;
      return STANDING_PROBED;
    }
  if (self->query->now_us - until_us >= self->patience_us || !aip_breaker_awaits_check (&live->breaker))
    return STANDING_DUE;
  return STANDING_HALF_OPEN;
}

static Standing
get_standing (const AipRoutePlan *self, const AipCandidate *candidate, gint64 *wait_us)
{
  const AipRouteQuery *query = self->query;
  gint64 until_us = aip_live_key_load_until (candidate->live);

  *wait_us = -1;
  if (is_restricted (query) && !is_allowed (query, candidate))
    return STANDING_FORBIDDEN;
  if (until_us > query->now_us)
    {
      *wait_us = until_us - query->now_us;
      return STANDING_OPEN;
    }
  if (query->may_use != NULL && !query->may_use (candidate, wait_us, query->may_use_data))
    return STANDING_FULL;
  if (until_us != 0)
    return get_half_open_standing (self, candidate->live, until_us, wait_us);
  return aip_live_key_has_room (candidate->live, query->tokens, query->now_us) ? STANDING_READY
                                                                               : STANDING_SPENT;
}

static void
leave_out (AipRoutePlan *self, Standing standing, gint64 wait_us)
{
  self->n_out++;
  self->n_forbidden += standing == STANDING_FORBIDDEN ? 1 : 0;
  if (wait_us >= 0 && (self->wait_us < 0 || wait_us < self->wait_us))
    self->wait_us = wait_us;
}

static AipCandidate
make_candidate (const AipCandidate *candidate, const char *model, double score)
{
  AipCandidate made = *candidate;

  made.model = model;
  made.score = score;
  return made;
}

static void
keep_for_last (AipRoutePlan *self, const AipCandidate *candidate, const char *model)
{
  AipCandidate made = make_candidate (candidate, model, 0);

  if (self->last == NULL)
    self->last = g_array_new (FALSE, FALSE, sizeof (AipCandidate));
  g_array_append_val (self->last, made);
}

/* --- one group: steps for the same target, of the same provider priority --- */

typedef struct
{
  AipStrategyItem *items;
  guint n;
  gboolean sorted;
  int priority;        /* of the last item */
  AipStrategyItem due; /* the half-open one that comes first */
} Group;

static void
add_ready (Group *group, const AipCandidate *candidate, const char *model)
{
  AipStrategyItem *item = &group->items[group->n];

  if (candidate->priority < group->priority)
    group->sorted = FALSE;
  group->priority = candidate->priority;
  item->candidate = candidate;
  item->live = candidate->live;
  item->model = model;
  item->slot = group->n++;
}

/* Most are: nothing is known that speaks against them. */
static inline gboolean
is_plainly_ready (const AipLiveKey *live)
{
  return aip_live_key_load_until (live) == 0 && aip_live_key_has_no_limits (live);
}

/* Those from the first on, up to one that has to be looked at; returns how many. All in local variables, as a
 * choice among many spends much of its time here. */
static guint
add_plainly_ready (Group *group, const AipCandidate *candidates, guint n, const char *model)
{
  AipStrategyItem *item = &group->items[group->n];
  gboolean sorted = group->sorted;
  int priority = group->priority;
  guint slot = group->n;
  guint k;

  for (k = 0; k < n; k++, item++)
    {
      const AipCandidate *candidate = &candidates[k];

      if (!is_plainly_ready (candidate->live))
        break;
      sorted = sorted && candidate->priority >= priority;
      priority = candidate->priority;
      item->candidate = candidate;
      item->live = candidate->live;
      item->model = model;
      item->slot = slot++;
    }
  group->n = slot;
  group->sorted = sorted;
  group->priority = priority;
  return k;
}

static void
add_candidate (AipRoutePlan *self, Group *group, const AipCandidate *candidate, const char *model)
{
  gint64 wait_us;
  Standing standing = get_standing (self, candidate, &wait_us);

  if (standing == STANDING_READY)
    add_ready (group, candidate, model);
  else if (standing == STANDING_DUE && group->due.candidate == NULL)
    group->due = (AipStrategyItem){ .candidate = candidate, .model = model };
  else if (standing == STANDING_DUE || standing == STANDING_SPENT || standing == STANDING_HALF_OPEN)
    keep_for_last (self, candidate, model);
  else
    leave_out (self, standing, wait_us);
}

/* How many candidates a step has to offer. */
static guint
count_candidates (const AipRoutePlan *self, const AipRouteStep *step)
{
  const AipRouteQuery *query = self->query;

  if ((step->protocols & (1u << query->protocol)) == 0)
    return 0;
  if (query->too_long != NULL && step->model != NULL &&
      aip_too_long_rules_out (query->too_long, step->model, step->context))
    return 0;
  return step->candidates->len;
}

static void
append (AipRoutePlan *self, const AipStrategyItem *item)
{
  AipCandidate made = make_candidate (item->candidate, item->model, item->score);

  g_array_append_val (self->candidates, made);
}

static guint
get_wanted (const AipRoutePlan *self)
{
  guint limit = self->query->limit;

  return limit == 0 ? G_MAXUINT : limit - MIN (self->candidates->len, limit);
}

/* Items of one priority. */
static void
add_level (AipRoutePlan *self, AipStrategyItem *items, guint n, guint rank)
{
  const AipRouteQuery *query = self->query;
  guint wanted = MIN (get_wanted (self), n);
  AipStrategyContext context = {
    .now_us = query->now_us,
    .random = query->random,
    .balance = self->balance,
    .rank = rank,
    .take_turn = self->take_turn && query->sticky == 0,
    .get_headroom = query->get_headroom,
    .headroom_data = query->may_use_data,
  };

  self->strategy->score (items, n, &context);
  self->strategy->arrange (items, n, wanted, &context);
  if (query->sticky != 0)
    aip_strategy_prefer_sticky (items, n, wanted, query->sticky);
  for (guint i = 0; i < wanted; i++)
    append (self, &items[i]);
}

static int
compare_priorities (const void *a, const void *b, void *user_data)
{
  int left = ((const AipStrategyItem *) a)->candidate->priority;
  int right = ((const AipStrategyItem *) b)->candidate->priority;

  return (left > right) - (left < right);
}

static void
add_due (AipRoutePlan *self, const Group *group)
{
  const AipStrategyItem *due = &group->due;

  if (due->candidate == NULL)
    return;
  /* What only stands in for others is not needed while they are there. */
  if (group->n > 0 && due->candidate->priority > group->items[0].candidate->priority)
    keep_for_last (self, due->candidate, due->model);
  else
    append (self, due);
}

static void
add_levels (AipRoutePlan *self, Group *group, guint rank)
{
  AipStrategyItem *items = group->items;
  guint end = 0;

  /* GLib's sort is stable. Each provider's own keys are sorted already. */
  if (!group->sorted)
    {
      g_qsort_with_data (items, (int) group->n, sizeof *items, compare_priorities, NULL);
      for (guint i = 0; i < group->n; i++)
        items[i].slot = i;
    }
  add_due (self, group);
  for (guint start = 0; start < group->n && get_wanted (self) > 0; start = end)
    {
      int priority = items[start].candidate->priority;

      /* Mostly there is but one level: the last is as the first. */
      end = items[group->n - 1].candidate->priority == priority ? group->n : start + 1;
      while (end < group->n && items[end].candidate->priority == priority)
        end++;
      add_level (self, items + start, end - start, rank);
    }
}

/**
 * aip_route_plan_add_steps:
 * @self: a plan
 * @steps: (array length=n_steps): steps for the same target, of the same provider priority, of which those
 *   count that speak the protocol
 * @n_steps: how many
 */
void
aip_route_plan_add_steps (AipRoutePlan *self, const AipRouteStep *steps, guint n_steps)
{
  AipStrategyItem few[FEW];
  g_autofree AipStrategyItem *many = NULL;
  Group group = { .items = few, .sorted = TRUE, .priority = G_MININT };
  const AipRouteQuery *query = self->query;
  gboolean anybody = query->may_use == NULL && !is_restricted (query);
  guint n = 0;

  g_return_if_fail (self != NULL && steps != NULL);

  for (guint i = 0; i < n_steps; i++)
    n += count_candidates (self, &steps[i]);
  if (n > FEW)
    group.items = many = g_new (AipStrategyItem, n);

  for (guint i = 0; i < n_steps; i++)
    {
      const AipCandidate *candidates = (const AipCandidate *) (const void *) steps[i].candidates->data;
      guint n_candidates = count_candidates (self, &steps[i]);

      for (guint k = 0; k < n_candidates; k++)
        {
          if (anybody)
            k += add_plainly_ready (&group, &candidates[k], n_candidates - k, steps[i].model);
          if (k < n_candidates)
            add_candidate (self, &group, &candidates[k], steps[i].model);
        }
    }
  add_levels (self, &group, steps[0].rank);
}

/**
 * aip_route_plan_add_route:
 * @self: a plan
 * @route: who can serve it
 *
 * Adds as many of the route's candidates as are needed, best first.
 */
void
aip_route_plan_add_route (AipRoutePlan *self, const AipRoute *route)
{
  guint n_steps = 0;

  g_return_if_fail (self != NULL && route != NULL);

  for (guint start = 0; start < route->steps->len && get_wanted (self) > 0; start += n_steps)
    {
      n_steps = aip_route_count_group (route, start);
      aip_route_plan_add_steps (self, &g_array_index (route->steps, AipRouteStep, start), n_steps);
    }
}

/**
 * aip_route_plan_finish:
 * @self: a plan
 *
 * Returns: (transfer full) (element-type AipCandidate): all to try, in this order; may be empty
 */
GArray *
aip_route_plan_finish (AipRoutePlan *self)
{
  g_return_val_if_fail (self != NULL && self->candidates != NULL, NULL);

  if (self->last != NULL)
    g_array_append_vals (self->candidates, self->last->data, MIN (get_wanted (self), self->last->len));
  return g_steal_pointer (&self->candidates);
}

/* Whether nothing speaks against it but faults that may pass by themselves. */
static gboolean
is_least_bad (const AipRoutePlan *self, const AipCandidate *candidate)
{
  const AipRouteQuery *query = self->query;
  gint64 wait_us = -1;

  return is_allowed (query, candidate) &&
         aip_breaker_may_go_early (&candidate->live->breaker, query->now_us) &&
         aip_live_key_has_room (candidate->live, query->tokens, query->now_us) &&
         (query->may_use == NULL || query->may_use (candidate, &wait_us, query->may_use_data));
}

/**
 * aip_route_plan_find_least_bad:
 * @self: a plan that came out empty
 * @steps: (array length=n_steps): all that there is
 * @n_steps: how many
 * @found: (out caller-allocates): who is out, but soonest to return of those that may be tried before, see
 *   aip_breaker_enter_early (); the first among equals
 *
 * Returns: whether there is anybody
 */
gboolean
aip_route_plan_find_least_bad (const AipRoutePlan *self,
                               const AipRouteStep *steps,
                               guint n_steps,
                               AipCandidate *found)
{
  gint64 soonest_us = G_MAXINT64;

  g_return_val_if_fail (self != NULL && steps != NULL && found != NULL, FALSE);

  for (guint i = 0; i < n_steps; i++)
    {
      const AipCandidate *candidates = (const AipCandidate *) (const void *) steps[i].candidates->data;
      guint n = count_candidates (self, &steps[i]);

      for (guint k = 0; k < n; k++)
        {
          gint64 until_us = aip_live_key_load_until (candidates[k].live);

          if (until_us >= soonest_us || !is_least_bad (self, &candidates[k]))
            continue;
          soonest_us = until_us;
          *found = make_candidate (&candidates[k], steps[i].model, 0);
          found->least_bad = TRUE;
        }
    }
  return soonest_us < G_MAXINT64;
}

static char *
dup_full_reason (gint64 wait_us)
{
  if (wait_us < 0)
    return g_strdup ("its own limit is too small for this request");
  return g_strdup_printf ("its own limit leaves no room for %" G_GINT64_FORMAT " s more",
                          (wait_us + G_USEC_PER_SEC - 1) / G_USEC_PER_SEC);
}

/**
 * aip_route_plan_dup_reason:
 * @self: a plan
 * @candidate: one that its route has
 *
 * Returns: (transfer full) (nullable): why @candidate is out; %NULL: it is not
 */
char *
aip_route_plan_dup_reason (const AipRoutePlan *self, const AipCandidate *candidate)
{
  gint64 wait_us = -1;

  g_return_val_if_fail (self != NULL && candidate != NULL, NULL);

  switch (get_standing (self, candidate, &wait_us))
    {
    case STANDING_FORBIDDEN:
      return g_strdup (
          "this client may not use it (see `allowed-providers` and `allowed-keys` of it and its tenant)");
    case STANDING_OPEN:
    case STANDING_PROBED:
      return aip_live_key_dup_reason (candidate->live, self->query->now_us);
    case STANDING_FULL:
      return dup_full_reason (wait_us);
    case STANDING_READY:
    case STANDING_DUE:
    case STANDING_SPENT:
    case STANDING_HALF_OPEN:
    default:
      return NULL;
    }
}
