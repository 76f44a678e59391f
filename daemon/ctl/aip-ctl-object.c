/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-object"

#include "ctl/aip-ctl-object.h"

#include <stdio.h>

#include "base/aip-error.h"
#include "ctl/aip-ctl-json.h"
#include "ctl/aip-ctl-near.h"
#include "ctl/aip-ctl-settings.h"

/* No property, but what several of them say in one cell. */
#define BREAKER "Breaker"

static AipCtlStyle
style_of (const char *property, const char *text)
{
  if (g_str_equal (property, "Enabled") && g_str_equal (text, "no"))
    return AIP_CTL_STYLE_DIM;
  if (g_str_equal (property, "SecretState"))
    return g_str_equal (text, "present") ? AIP_CTL_STYLE_GOOD : AIP_CTL_STYLE_WARNING;
  if (g_str_equal (property, "BreakerState") || g_str_equal (property, BREAKER))
    return g_str_equal (text, "closed") ? AIP_CTL_STYLE_PLAIN : AIP_CTL_STYLE_WARNING;
  return AIP_CTL_STYLE_PLAIN;
}

static char *
dup_time (gint64 us)
{
  g_autoptr (GDateTime) time = us > 0 ? g_date_time_new_from_unix_local (us / G_USEC_PER_SEC) : NULL;

  return time != NULL ? g_date_time_format (time, "%F %T") : g_strdup ("");
}

/* "closed", "half-open: timeout" or "open until 2026-01-31 12:00:00: timeout" */
static char *
dup_breaker (GVariant *object)
{
  const char *state = aip_ctl_print_lookup (object, "BreakerState");
  const char *reason = aip_ctl_print_lookup (object, "BreakerReason");
  gint64 us = 0;
  g_autofree char *until = NULL;

  (void) g_variant_lookup (object, "BreakerUntil", "x", &us);
  until = dup_time (us);
  if (g_str_equal (state, "open"))
    return g_strdup_printf ("open until %s: %s", until, reason);
  return g_strdup_printf ("%s%s%s", state, reason[0] != '\0' ? ": " : "", reason);
}

static char *
dup_value (GVariant *object, const char *property)
{
  g_autoptr (GVariant) value = g_variant_lookup_value (object, property, NULL);
  guint64 ms = 0;

  if (g_str_equal (property, BREAKER))
    return dup_breaker (object);
  if (g_str_has_suffix (property, "Timeout") && g_variant_lookup (object, property, "t", &ms))
    return ms > 0 ? aip_ctl_print_duration ((gint64) MIN (ms, G_MAXINT64 / 1000) * 1000) : g_strdup ("none");
  if (g_str_equal (property, "BreakerUntil") && value != NULL)
    return dup_time (g_variant_get_int64 (value));
  return value != NULL ? aip_ctl_print_value (value) : g_strdup ("");
}

static AipCtlTable *
build_list (const GPtrArray *objects, const AipCtlColumn *columns)
{
  g_autoptr (GPtrArray) titles = g_ptr_array_new ();
  AipCtlTable *table;

  for (const AipCtlColumn *column = columns; column->title != NULL; column++)
    g_ptr_array_add (titles, (char *) column->title);
  g_ptr_array_add (titles, NULL);
  table = aip_ctl_table_new ((const char *const *) titles->pdata);

  for (guint i = 0; columns[i].title != NULL; i++)
    if (columns[i].right)
      aip_ctl_table_align_right (table, i);
  for (guint i = 0; i < objects->len; i++)
    for (const AipCtlColumn *column = columns; column->title != NULL; column++)
      {
        g_autofree char *text = dup_value (g_ptr_array_index (objects, i), column->property);

        aip_ctl_table_add_styled (table, text, style_of (column->property, text));
      }
  return table;
}

/**
 * aip_ctl_object_list:
 * @ctl: the program's state
 * @kind: what to list
 * @columns: what to show of each; ends with a NULL title
 * @empty: what to say where there is none
 * @error: return location for an error
 *
 * Prints all objects of one kind.
 *
 * Returns: what to exit with
 */
AipCtlExit
aip_ctl_object_list (AipCtl *ctl,
                     AipRemoteKind kind,
                     const AipCtlColumn *columns,
                     const char *empty,
                     GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);
  g_autoptr (GPtrArray) objects = NULL;
  g_autoptr (AipCtlTable) table = NULL;
  g_autofree char *json = NULL;

  g_return_val_if_fail (columns != NULL, AIP_CTL_FAILED);

  if (remote == NULL || (objects = aip_remote_list_sync (remote, kind, NULL, error)) == NULL)
    return AIP_CTL_FAILED;
  if (ctl->json)
    {
      json = aip_ctl_json_format_objects (objects);
      puts (json);
      return AIP_CTL_DONE;
    }
  if (objects->len == 0)
    {
      /* Not on stdout: a script that counts lines is to count none. */
      fprintf (stderr, "%s\n", empty);
      return AIP_CTL_DONE;
    }
  table = build_list (objects, columns);
  aip_ctl_print_table (ctl, table);
  return AIP_CTL_DONE;
}

/**
 * aip_ctl_object_miss:
 * @ctl: the program's state, connected
 * @kind: what was looked for
 * @name: its name
 * @error: (inout): what that failed with
 *
 * Adds to "there is no such thing" what may have been meant.
 *
 * Returns: AIP_CTL_FAILED
 */
AipCtlExit
aip_ctl_object_miss (AipCtl *ctl, AipRemoteKind kind, const char *name, GError **error)
{
  g_autoptr (GPtrArray) objects = NULL;
  g_autoptr (GPtrArray) names = g_ptr_array_new ();
  const char *near;

  g_return_val_if_fail (ctl != NULL && ctl->remote != NULL, AIP_CTL_FAILED);
  g_return_val_if_fail (name != NULL, AIP_CTL_FAILED);

  if (error == NULL || !g_error_matches (*error, AIP_ERROR, AIP_ERROR_NOT_FOUND))
    return AIP_CTL_FAILED;
  objects = aip_remote_list_sync (ctl->remote, kind, NULL, NULL);
  for (guint i = 0; objects != NULL && i < objects->len; i++)
    g_ptr_array_add (names, (char *) aip_remote_object_get_name (kind, g_ptr_array_index (objects, i)));
  near = aip_ctl_near_find (names, name);
  if (near != NULL && !g_str_equal (near, name))
    {
      g_autofree char *before = (*error)->message;

      (*error)->message = g_strdup_printf ("%s; did you mean \"%s\"?", before, near);
    }
  return AIP_CTL_FAILED;
}

/**
 * aip_ctl_object_lookup:
 * @ctl: the program's state
 * @kind: what to look for
 * @name: its name
 * @error: return location for an error
 *
 * Returns: (transfer full) (nullable): its properties
 */
GVariant *
aip_ctl_object_lookup (AipCtl *ctl, AipRemoteKind kind, const char *name, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);
  GVariant *object;

  g_return_val_if_fail (name != NULL, NULL);

  if (remote == NULL)
    return NULL;
  object = aip_remote_lookup_sync (remote, kind, name, NULL, error);
  if (object == NULL)
    aip_ctl_object_miss (ctl, kind, name, error);
  return object;
}

/* The name first, then the others by the alphabet. */
static GPtrArray *
sort_properties (GVariant *object)
{
  GPtrArray *names = aip_ctl_print_sort_names (object);

  for (guint i = 0; i < names->len; i++)
    if (g_str_equal (g_ptr_array_index (names, i), "Name") ||
        g_str_equal (g_ptr_array_index (names, i), "Alias"))
      g_ptr_array_insert (names, 0, g_ptr_array_steal_index (names, i));
  return names;
}

/**
 * aip_ctl_object_print:
 * @ctl: the program's state
 * @object: (a{sv}): its properties
 *
 * Prints all of them.
 */
void
aip_ctl_object_print (AipCtl *ctl, GVariant *object)
{
  static const char *const titles[] = { "", "", NULL };
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (AipCtlTable) table = NULL;
  g_autofree char *json = NULL;

  g_return_if_fail (ctl != NULL && object != NULL);

  if (ctl->json)
    {
      json = aip_ctl_json_format_properties (object, TRUE);
      puts (json);
      return;
    }
  names = sort_properties (object);
  table = aip_ctl_table_new (titles);
  for (guint i = 0; i < names->len; i++)
    {
      const char *property = g_ptr_array_index (names, i);
      g_autofree char *label = aip_ctl_json_name_property (property);
      g_autofree char *text = dup_value (object, property);

      aip_ctl_table_add_styled (table, label, AIP_CTL_STYLE_BOLD);
      aip_ctl_table_add_styled (table, text[0] != '\0' ? text : "-", style_of (property, text));
    }
  aip_ctl_print_table (ctl, table);
}

/**
 * aip_ctl_object_show:
 * @ctl: the program's state
 * @kind: what to show
 * @name: its name
 * @error: return location for an error
 *
 * Prints all properties of one object.
 *
 * Returns: what to exit with
 */
AipCtlExit
aip_ctl_object_show (AipCtl *ctl, AipRemoteKind kind, const char *name, GError **error)
{
  g_autoptr (GVariant) object = aip_ctl_object_lookup (ctl, kind, name, error);

  if (object == NULL)
    return AIP_CTL_FAILED;
  aip_ctl_object_print (ctl, object);
  return AIP_CTL_DONE;
}

/**
 * aip_ctl_object_set:
 * @ctl: the program's state
 * @kind: what to change
 * @args: its name, and KEY=VALUE...
 * @error: return location for an error
 *
 * Changes settings of one object.
 *
 * Returns: what to exit with
 */
AipCtlExit
aip_ctl_object_set (AipCtl *ctl, AipRemoteKind kind, const AipCtlArgs *args, GError **error)
{
  const char *name = aip_ctl_args_nth (args, 0);
  g_auto (GVariantDict) settings = G_VARIANT_DICT_INIT (NULL);
  AipRemote *remote;

  g_return_val_if_fail (name != NULL, AIP_CTL_FAILED);

  if (!aip_ctl_settings_take (&settings, aip_ctl_args_from (args, 1), error))
    return AIP_CTL_USAGE;
  remote = aip_ctl_connect (ctl, error);
  if (remote == NULL)
    return AIP_CTL_FAILED;
  if (!aip_remote_update_sync (remote, kind, name, g_variant_dict_end (&settings), NULL, error))
    return aip_ctl_object_miss (ctl, kind, name, error);
  return aip_ctl_report (ctl, "changed", kind, name);
}

/**
 * aip_ctl_object_remove:
 * @ctl: the program's state
 * @kind: what to remove
 * @name: its name
 * @options: (nullable): those of its Remove; a floating reference is consumed
 * @error: return location for an error
 *
 * Returns: what to exit with
 */
AipCtlExit
aip_ctl_object_remove (AipCtl *ctl, AipRemoteKind kind, const char *name, GVariant *options, GError **error)
{
  g_autoptr (GVariant) owned = g_variant_ref_sink (options != NULL ? options : aip_ctl_no_options ());
  AipRemote *remote = aip_ctl_connect (ctl, error);

  g_return_val_if_fail (name != NULL, AIP_CTL_FAILED);

  if (remote == NULL)
    return AIP_CTL_FAILED;
  if (!aip_remote_remove_sync (remote, kind, name, owned, NULL, error))
    return aip_ctl_object_miss (ctl, kind, name, error);
  return aip_ctl_report (ctl, "removed", kind, name);
}

/**
 * aip_ctl_object_reset:
 * @ctl: the program's state
 * @kind: AIP_REMOTE_PROVIDER or AIP_REMOTE_KEY
 * @name: its name
 * @error: return location for an error
 *
 * Closes its breaker.
 *
 * Returns: what to exit with
 */
AipCtlExit
aip_ctl_object_reset (AipCtl *ctl, AipRemoteKind kind, const char *name, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);

  g_return_val_if_fail (name != NULL, AIP_CTL_FAILED);

  if (remote == NULL)
    return AIP_CTL_FAILED;
  if (!aip_remote_reset_breaker_sync (remote, kind, name, NULL, error))
    return aip_ctl_object_miss (ctl, kind, name, error);
  return aip_ctl_report (ctl, "reset", kind, name);
}

/* What each kind of result means, in words; the provider's own stand behind it. */
static const char *
explain_kind (const char *kind)
{
  static const char *const sentences[][2] = {
    { "ok", "works" },
    { "auth", "the key was refused" },
    { "network", "the provider cannot be reached" },
    { "timeout", "the provider did not answer in time" },
    { "quota", "the key is good, but its quota or rate limit is used up" },
    { "protocol", "the provider's answer makes no sense; is base-url right?" },
    { "missing-secret", "there is no secret to try it with" },
    { "disabled", "it is switched off" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (sentences); i++)
    if (g_str_equal (sentences[i][0], kind))
      return sentences[i][1];
  return "failed";
}

static void
print_test (AipCtl *ctl, AipRemoteKind kind, const char *name, GVariant *result)
{
  const char *found = "failed", *text = "";
  guint32 status = 0, models = 0, duration = 0;
  g_autoptr (GString) details = g_string_new (NULL);

  (void) g_variant_lookup (result, "kind", "&s", &found);
  /* What works needs no more words than the figures. */
  if (!g_str_equal (found, "ok"))
    (void) g_variant_lookup (result, "text", "&s", &text);
  (void) g_variant_lookup (result, "status", "u", &status);
  (void) g_variant_lookup (result, "models", "u", &models);
  (void) g_variant_lookup (result, "duration-ms", "u", &duration);
  if (status != 0)
    g_string_append_printf (details, "HTTP %u, ", status);
  if (models != 0)
    g_string_append_printf (details, "%u models, ", models);
  g_string_append_printf (details, "%u ms", duration);
  aip_ctl_say (ctl, "%s %s: %s (%s)%s%s", aip_remote_kind_to_string (kind), name, explain_kind (found),
               details->str, text[0] != '\0' ? ": " : "", text);
}

/**
 * aip_ctl_object_test:
 * @ctl: the program's state
 * @kind: AIP_REMOTE_PROVIDER or AIP_REMOTE_KEY
 * @name: its name
 * @error: return location for an error
 *
 * Tries it, and prints what was found.
 *
 * Returns: AIP_CTL_DONE if it works
 */
AipCtlExit
aip_ctl_object_test (AipCtl *ctl, AipRemoteKind kind, const char *name, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);
  g_autoptr (GVariant) result = NULL;
  gboolean ok = FALSE;

  g_return_val_if_fail (name != NULL, AIP_CTL_FAILED);

  if (remote == NULL)
    return AIP_CTL_FAILED;
  result = aip_remote_test_sync (remote, kind, name, NULL, error);
  if (result == NULL)
    return aip_ctl_object_miss (ctl, kind, name, error);
  (void) g_variant_lookup (result, "ok", "b", &ok);
  if (ctl->json)
    aip_ctl_print_json (ctl, result);
  else
    print_test (ctl, kind, name, result);
  return ok ? AIP_CTL_DONE : AIP_CTL_FAILED;
}
