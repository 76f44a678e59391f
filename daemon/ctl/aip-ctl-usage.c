/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-usage"

#include "ctl/aip-ctl-usage.h"

#include <stdio.h>

#include "ctl/aip-ctl-commands.h"

#define N_NUMBERS 3

static void
add_numbers (AipCtlTable *table, GVariant *use)
{
  static const char *const names[N_NUMBERS] = { "size", "used", "left" };

  for (guint i = 0; i < N_NUMBERS; i++)
    {
      guint64 number = 0;
      g_autofree char *text = NULL;

      (void) g_variant_lookup (use, names[i], "t", &number);
      text = g_strdup_printf ("%" G_GUINT64_FORMAT, number);
      aip_ctl_table_add_styled (table, text,
                                i == N_NUMBERS - 1 && number == 0 ? AIP_CTL_STYLE_BAD : AIP_CTL_STYLE_PLAIN);
    }
}

/* A limit's cells behind those that tell whose it is. */
static void
add_use (AipCtlTable *table, GVariant *use)
{
  gint64 reset = 0;
  g_autofree char *text = NULL;

  (void) g_variant_lookup (use, "reset-us", "x", &reset);
  text = reset > 0 ? aip_ctl_print_duration (reset) : g_strdup ("-");
  aip_ctl_table_add (table, aip_ctl_print_lookup (use, "limit"));
  add_numbers (table, use);
  aip_ctl_table_add (table, text);
}

static void
align_numbers (AipCtlTable *table, guint first)
{
  for (guint i = 0; i < N_NUMBERS; i++)
    aip_ctl_table_align_right (table, first + i);
}

/**
 * aip_ctl_usage_print:
 * @ctl: the program's state
 * @limits: (aa{sv}): "limits" of Client.GetUsage
 *
 * Prints how far each is used, where there are any.
 */
void
aip_ctl_usage_print (AipCtl *ctl, GVariant *limits)
{
  static const char *const titles[] = { "OF", "LIMIT", "SIZE", "USED", "LEFT", "ALL-BACK-IN", NULL };
  g_autoptr (AipCtlTable) table = aip_ctl_table_new (titles);
  GVariantIter iter;
  GVariant *use;

  align_numbers (table, 2);
  g_variant_iter_init (&iter, limits);
  while (g_variant_iter_loop (&iter, "@a{sv}", &use))
    {
      g_autofree char *party =
          g_strconcat (aip_ctl_print_lookup (use, "party"), " ", aip_ctl_print_lookup (use, "name"), NULL);

      aip_ctl_table_add (table, party);
      add_use (table, use);
    }
  if (aip_ctl_table_count (table) == 0)
    return;
  putchar ('\n');
  aip_ctl_print_table (ctl, table);
}

static void
add_tenant (AipCtlTable *table, GVariant *tenant)
{
  g_autoptr (GVariant) members = g_variant_lookup_value (tenant, "clients", G_VARIANT_TYPE_STRING_ARRAY);
  g_autoptr (GVariant) limits = g_variant_lookup_value (tenant, "limits", G_VARIANT_TYPE ("aa{sv}"));
  g_autofree char *clients = members != NULL ? aip_ctl_print_value (members) : g_strdup ("");
  gsize n = limits != NULL ? g_variant_n_children (limits) : 0;

  for (gsize i = 0; i < MAX (n, 1); i++)
    {
      g_autoptr (GVariant) use = n > 0 ? g_variant_get_child_value (limits, i) : NULL;

      aip_ctl_table_add (table, aip_ctl_print_lookup (tenant, "name"));
      aip_ctl_table_add (table, clients);
      if (use != NULL)
        add_use (table, use);
      else
        for (guint cell = 0; cell < N_NUMBERS + 2; cell++)
          aip_ctl_table_add (table, "-");
    }
}

/**
 * aip_ctl_tenant_list:
 *
 * `tenant list`: a line for each of their limits.
 */
AipCtlExit
aip_ctl_tenant_list (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  static const char *const titles[] = { "NAME", "CLIENTS", "LIMIT",       "SIZE",
                                        "USED", "LEFT",    "ALL-BACK-IN", NULL };
  AipRemote *remote = aip_ctl_connect (ctl, error);
  g_autoptr (GVariant) tenants = NULL;
  g_autoptr (AipCtlTable) table = NULL;
  GVariantIter iter;
  GVariant *tenant;

  if (remote == NULL || !aip_bus_manager_call_list_tenants_sync (
                            aip_remote_get_manager (remote), aip_ctl_no_options (), &tenants, NULL, error))
    return AIP_CTL_FAILED;
  if (ctl->json)
    {
      aip_ctl_print_json (ctl, tenants);
      return AIP_CTL_DONE;
    }
  if (g_variant_n_children (tenants) == 0)
    {
      /* Not on stdout: a script that counts lines is to count none. */
      fprintf (stderr, "no tenants; one is made by a group [tenant NAME] in the config file\n");
      return AIP_CTL_DONE;
    }
  table = aip_ctl_table_new (titles);
  align_numbers (table, 3);
  g_variant_iter_init (&iter, tenants);
  while (g_variant_iter_loop (&iter, "@a{sv}", &tenant))
    add_tenant (table, tenant);
  aip_ctl_print_table (ctl, table);
  return AIP_CTL_DONE;
}
