/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-route.h"

G_BEGIN_DECLS

/**
 * AipRoutePlan: one plan in the making.
 * @query: what is asked for
 * @strategy: how to choose among equals
 * @balance: whose turn it is
 * @patience_us: for how long half-open keys wait for a health check, before a request finds out
 * @take_turn: the plan is for a request; FALSE: somebody only wants to know
 * @least_bad: where there is nobody, one that is out is better than none
 * @candidates: (element-type AipCandidate): those to try, best first
 * @last: (element-type AipCandidate): those to try when all others have failed
 * @wait_us: the soonest return of one that is out, microseconds from now; -1: nobody knows
 * @n_out: how many are out
 * @n_forbidden: how many of them because the client may not use them
 */
typedef struct
{
  const AipRouteQuery *query;
  const AipStrategy *strategy;
  AipBalance *balance;
  gint64 patience_us;
  gboolean take_turn;
  gboolean least_bad;
  GArray *candidates;
  GArray *last;
  gint64 wait_us;
  guint n_out;
  guint n_forbidden;
} AipRoutePlan;

void aip_route_plan_init (AipRoutePlan *self, const AipRouteQuery *query, guint n_expected);
void aip_route_plan_clear (AipRoutePlan *self);
void aip_route_plan_add_steps (AipRoutePlan *self, const AipRouteStep *steps, guint n_steps);
void aip_route_plan_add_route (AipRoutePlan *self, const AipRoute *route);
GArray *aip_route_plan_finish (AipRoutePlan *self);
gboolean aip_route_plan_find_least_bad (const AipRoutePlan *self,
                                        const AipRouteStep *steps,
                                        guint n_steps,
                                        AipCandidate *found);
char *aip_route_plan_dup_reason (const AipRoutePlan *self, const AipCandidate *candidate);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AipRoutePlan, aip_route_plan_clear)

G_END_DECLS
