/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-route"

#include <stdio.h>

#include "ctl/aip-ctl-commands.h"

/**
 * aip_ctl_model_list:
 *
 * `model list`.
 */
AipCtlExit
aip_ctl_model_list (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  static const char *const titles[] = { "MODEL", "OWNER", NULL };
  AipRemote *remote = aip_ctl_connect (ctl, error);
  g_autoptr (GVariant) models = NULL;
  g_autoptr (AipCtlTable) table = NULL;
  GVariantIter iter;
  GVariant *model;

  if (remote == NULL || !aip_bus_manager_call_list_models_sync (aip_remote_get_manager (remote),
                                                                aip_ctl_no_options (), &models, NULL, error))
    return AIP_CTL_FAILED;
  if (ctl->json)
    {
      aip_ctl_print_json (ctl, models);
      return AIP_CTL_DONE;
    }
  if (g_variant_n_children (models) == 0)
    {
      /* Not on stdout: a script that counts lines is to count none. */
      fprintf (stderr, "no models; add a provider with: " AIP_CTL_ADD_PROVIDER
                       ", or see what is wrong with those there are: aiproxyctl doctor\n");
      return AIP_CTL_DONE;
    }
  table = aip_ctl_table_new (titles);
  g_variant_iter_init (&iter, models);
  while (g_variant_iter_loop (&iter, "@a{sv}", &model))
    {
      aip_ctl_table_add (table, aip_ctl_print_lookup (model, "id"));
      aip_ctl_table_add (table, aip_ctl_print_lookup (model, "owner"));
    }
  aip_ctl_print_table (ctl, table);
  return AIP_CTL_DONE;
}

static gboolean
print_candidates (AipCtl *ctl, GVariant *candidates)
{
  static const char *const titles[] = { "", "PROVIDER", "KEY", "MODEL", "SCORE", "WHY", NULL };
  g_autoptr (AipCtlTable) table = aip_ctl_table_new (titles);
  GVariantIter iter;
  GVariant *candidate;
  guint n_usable = 0;

  g_variant_iter_init (&iter, candidates);
  while (g_variant_iter_loop (&iter, "@a{sv}", &candidate))
    {
      gboolean usable = FALSE;
      double score = 0;
      g_autofree char *place = NULL;
      g_autofree char *points = NULL;

      (void) g_variant_lookup (candidate, "usable", "b", &usable);
      n_usable += usable;
      (void) g_variant_lookup (candidate, "score", "d", &score);
      place = usable ? g_strdup_printf ("%u.", n_usable) : g_strdup ("out");
      points = usable ? g_strdup_printf ("%.3g", score) : g_strdup ("");
      aip_ctl_table_add_styled (table, place, usable ? AIP_CTL_STYLE_GOOD : AIP_CTL_STYLE_WARNING);
      aip_ctl_table_add (table, aip_ctl_print_lookup (candidate, "provider"));
      aip_ctl_table_add (table, aip_ctl_print_lookup (candidate, "key"));
      aip_ctl_table_add (table, aip_ctl_print_lookup (candidate, "model"));
      aip_ctl_table_add (table, points);
      aip_ctl_table_add (table, aip_ctl_print_lookup (candidate, usable ? "note" : "reason"));
    }
  if (aip_ctl_table_count (table) > 0)
    aip_ctl_print_table (ctl, table);
  return n_usable > 0;
}

/* Which limit of the client stands in the way, whoever would serve it. */
static char *
dup_client_limit (GVariant *candidates)
{
  g_autoptr (GVariant) first =
      g_variant_n_children (candidates) > 0 ? g_variant_get_child_value (candidates, 0) : NULL;

  return g_strdup (first != NULL ? aip_ctl_print_lookup (first, "client-limit") : "");
}

static gboolean
has_usable (GVariant *candidates)
{
  GVariantIter iter;
  GVariant *candidate;
  gboolean any = FALSE;

  g_variant_iter_init (&iter, candidates);
  while (g_variant_iter_loop (&iter, "@a{sv}", &candidate))
    {
      gboolean usable = FALSE;

      (void) g_variant_lookup (candidate, "usable", "b", &usable);
      any = any || usable;
    }
  return any;
}

/**
 * aip_ctl_route:
 *
 * `route`: what would serve a model, in order, and why the rest would not. Exits with AIP_CTL_FAILED where
 * nothing would.
 */
AipCtlExit
aip_ctl_route (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  const char *const names[] = { "protocol", "provider", "strategy", "client" };
  const char *model = aip_ctl_args_nth (args, 0);
  AipRemote *remote = aip_ctl_connect (ctl, error);
  g_autoptr (GVariant) candidates = NULL;
  g_autofree char *limit = NULL;
  GVariantDict options;

  if (remote == NULL)
    return AIP_CTL_FAILED;
  g_variant_dict_init (&options, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (aip_ctl_args_get (args, names[i]) != NULL)
      g_variant_dict_insert (&options, names[i], "s", aip_ctl_args_get (args, names[i]));
  if (!aip_bus_manager_call_explain_route_sync (aip_remote_get_manager (remote), model,
                                                g_variant_dict_end (&options), &candidates, NULL, error))
    return AIP_CTL_FAILED;

  if (ctl->json)
    aip_ctl_print_json (ctl, candidates);
  else if (g_variant_n_children (candidates) == 0)
    aip_ctl_say (ctl, "no provider is configured; add one with: " AIP_CTL_ADD_PROVIDER);
  else if (!print_candidates (ctl, candidates))
    aip_ctl_say (ctl, "nothing would serve %s now", model);
  limit = dup_client_limit (candidates);
  if (*limit == '\0')
    return has_usable (candidates) ? AIP_CTL_DONE : AIP_CTL_FAILED;
  if (!ctl->json)
    aip_ctl_say (ctl, "refused for now: %s", limit);
  return AIP_CTL_FAILED;
}
