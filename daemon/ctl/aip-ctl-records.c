/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-log"

#include <stdio.h>
#include <string.h>

#include "ctl/aip-ctl-commands.h"
#include "ctl/aip-ctl-json.h"
#include "ctl/aip-ctl-request.h"

/* How many lines `log list` has that does not say. */
#define DEFAULT_LIMIT "50"

static AipBusActivity *
connect_activity (AipCtl *ctl, GError **error)
{
  AipRemote *remote = aip_ctl_connect (ctl, error);

  return remote != NULL ? aip_remote_new_activity_sync (remote, NULL, error) : NULL;
}

static AipCtlStyle
style_of (GVariant *request)
{
  return g_str_equal (aip_ctl_print_lookup (request, "outcome"), "succeeded") ? AIP_CTL_STYLE_GOOD
                                                                              : AIP_CTL_STYLE_BAD;
}

static char *
dup_status (GVariant *request)
{
  guint32 status = 0;

  (void) g_variant_lookup (request, "status", "u", &status);
  return status != 0 ? g_strdup_printf ("%u", status) : g_strdup ("---");
}

static char *
dup_duration (GVariant *request, const char *name)
{
  gint64 us = -1;

  (void) g_variant_lookup (request, name, "x", &us);
  return aip_ctl_print_duration (us);
}

/* --- log list --- */

static gboolean
parse_limit (const char *text, guint32 *limit, GError **error)
{
  guint64 number;

  if (!g_ascii_string_to_unsigned (text, 10, 1, G_MAXUINT32, &number, NULL))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--limit takes a number above 0");
      return FALSE;
    }
  *limit = (guint32) number;
  return TRUE;
}

static GVariant *
make_filter (const AipCtlArgs *args, guint32 limit)
{
  static const char *const names[] = { "client", "provider", "key", "model", "outcome" };
  GVariantDict filter;

  g_variant_dict_init (&filter, NULL);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    if (aip_ctl_args_get (args, names[i]) != NULL)
      g_variant_dict_insert (&filter, names[i], "s", aip_ctl_args_get (args, names[i]));
  g_variant_dict_insert (&filter, "limit", "u", limit);
  return g_variant_dict_end (&filter);
}

/* @folded: (nullable): as g_utf8_casefold () makes it; NULL: every one */
static gboolean
has_text (GVariant *record, const char *folded)
{
  static const char *const names[] = { "id",      "upstream-id", "client", "method",         "path",
                                       "model",   "provider",    "key",    "upstream-model", "outcome",
                                       "strategy" };

  for (gsize i = 0; folded != NULL && i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *value = g_utf8_casefold (aip_ctl_print_lookup (record, names[i]), -1);

      if (strstr (value, folded) != NULL)
        return TRUE;
    }
  return folded == NULL;
}

/* The newest @limit ones with @text in them, turned round: what is newest is nearest to the prompt. */
static GVariant *
select_records (GVariant *records, const char *text, guint32 limit)
{
  g_autofree char *folded = text != NULL ? g_utf8_casefold (text, -1) : NULL;
  g_autoptr (GPtrArray) found = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  GVariantBuilder builder;

  for (gsize i = 0; i < g_variant_n_children (records) && found->len < limit; i++)
    {
      g_autoptr (GVariant) record = g_variant_get_child_value (records, i);

      if (has_text (record, folded))
        g_ptr_array_add (found, g_steal_pointer (&record));
    }
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("aa{sv}"));
  for (guint i = found->len; i > 0; i--)
    g_variant_builder_add_value (&builder, g_ptr_array_index (found, i - 1));
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static void
add_row (AipCtlTable *table, GVariant *record)
{
  const char *model = aip_ctl_print_lookup (record, "model");
  g_autofree char *time = aip_ctl_request_dup_time (record, TRUE);
  g_autofree char *status = dup_status (record);
  g_autofree char *took = dup_duration (record, "duration-us");
  g_autofree char *place = aip_ctl_request_dup_place (record);
  g_autofree char *tokens = aip_ctl_request_dup_tokens (record);

  aip_ctl_table_add (table, time);
  aip_ctl_table_add_styled (table, status, style_of (record));
  aip_ctl_table_add_styled (table, aip_ctl_print_lookup (record, "outcome"), style_of (record));
  aip_ctl_table_add (table, took);
  aip_ctl_table_add (table, aip_ctl_print_lookup (record, "client"));
  aip_ctl_table_add_styled (table, model[0] != '\0' ? model : aip_ctl_print_lookup (record, "path"),
                            AIP_CTL_STYLE_BOLD);
  aip_ctl_table_add (table, place);
  aip_ctl_table_add (table, tokens);
  aip_ctl_table_add_styled (table, aip_ctl_print_lookup (record, "id"), AIP_CTL_STYLE_DIM);
}

static void
print_list (AipCtl *ctl, GVariant *records)
{
  static const char *const titles[] = { "TIME",  "STATUS",    "OUTCOME", "TOOK", "CLIENT",
                                        "MODEL", "SERVED BY", "TOKENS",  "ID",   NULL };
  g_autoptr (AipCtlTable) table = aip_ctl_table_new (titles);
  GVariantIter iter;
  GVariant *record;

  g_variant_iter_init (&iter, records);
  while (g_variant_iter_loop (&iter, "@a{sv}", &record))
    add_row (table, record);
  if (aip_ctl_table_count (table) > 0)
    aip_ctl_print_table (ctl, table);
  else
    aip_ctl_say (ctl, "no requests like that are on record");
}

/* @text: (nullable): what they have somewhere; @limit: (nullable): where the command line says none */
static GVariant *
find_records (AipCtl *ctl, const AipCtlArgs *args, const char *text, const char *limit, GError **error)
{
  g_autoptr (AipBusActivity) activity = NULL;
  g_autoptr (GVariant) found = NULL;
  guint32 most = G_MAXUINT32;

  if (aip_ctl_args_get (args, "limit") != NULL)
    limit = aip_ctl_args_get (args, "limit");
  if (limit != NULL && !parse_limit (limit, &most, error))
    return NULL;
  activity = connect_activity (ctl, error);
  /* The daemon does not look for text: all are asked for then. */
  if (activity == NULL ||
      !aip_bus_activity_call_search_sync (activity, make_filter (args, text != NULL ? G_MAXUINT32 : most),
                                          aip_ctl_no_options (), &found, NULL, error))
    return NULL;
  return select_records (found, text, most);
}

static AipCtlExit
list (AipCtl *ctl, const AipCtlArgs *args, const char *text, GError **error)
{
  g_autoptr (GVariant) records = find_records (ctl, args, text, DEFAULT_LIMIT, error);

  if (records == NULL)
    return AIP_CTL_FAILED;
  if (ctl->json)
    aip_ctl_print_json (ctl, records);
  else
    print_list (ctl, records);
  return AIP_CTL_DONE;
}

/**
 * aip_ctl_log_list:
 *
 * `log list`: the last requests that are over, the newest one last.
 */
AipCtlExit
aip_ctl_log_list (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return list (ctl, args, NULL, error);
}

/**
 * aip_ctl_log_search:
 *
 * `log search`: those of them that have a text in an id, a name, the path or the outcome.
 */
AipCtlExit
aip_ctl_log_search (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  return list (ctl, args, aip_ctl_args_nth (args, 0), error);
}

/**
 * aip_ctl_log_export:
 *
 * `log export`: all of them for another program, one JSON document a line.
 */
AipCtlExit
aip_ctl_log_export (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  g_autoptr (GVariant) records = find_records (ctl, args, NULL, NULL, error);
  GVariantIter iter;
  GVariant *record;

  if (records == NULL)
    return AIP_CTL_FAILED;
  g_variant_iter_init (&iter, records);
  while (g_variant_iter_loop (&iter, "@a{sv}", &record))
    {
      g_autofree char *text = aip_ctl_json_format (record, FALSE);

      puts (text);
    }
  return AIP_CTL_DONE;
}

/* --- log show --- */

static void
add_line (AipCtlTable *table, const char *label, const char *text, AipCtlStyle style)
{
  aip_ctl_table_add_styled (table, label, AIP_CTL_STYLE_BOLD);
  aip_ctl_table_add_styled (table, text[0] != '\0' ? text : "-", style);
}

static char *
dup_outcome (GVariant *record)
{
  g_autofree char *status = dup_status (record);

  return g_strconcat (aip_ctl_print_lookup (record, "outcome"), ", ", status, NULL);
}

static char *
dup_times (GVariant *record)
{
  g_autofree char *took = dup_duration (record, "duration-us");
  g_autofree char *first = dup_duration (record, "first-byte-us");

  return g_str_equal (first, "-") ? g_strdup (took) : g_strconcat (took, ", first byte after ", first, NULL);
}

static char *
dup_request (GVariant *record)
{
  gboolean stream = FALSE;

  (void) g_variant_lookup (record, "stream", "b", &stream);
  return g_strconcat (aip_ctl_print_lookup (record, "method"), " ", aip_ctl_print_lookup (record, "path"),
                      stream ? ", as a stream" : "", NULL);
}

static void
print_summary (AipCtl *ctl, GVariant *record)
{
  static const char *const titles[] = { "", "", NULL };
  g_autoptr (AipCtlTable) table = aip_ctl_table_new (titles);
  guint64 in = 0, out = 0;
  g_autofree char *time = aip_ctl_request_dup_time (record, TRUE);
  g_autofree char *request = dup_request (record);
  g_autofree char *outcome = dup_outcome (record);
  g_autofree char *place = aip_ctl_request_dup_place (record);
  g_autofree char *took = dup_times (record);
  g_autofree char *tokens = aip_ctl_request_dup_tokens (record);
  g_autofree char *bytes = NULL;

  (void) g_variant_lookup (record, "bytes-in", "t", &in);
  (void) g_variant_lookup (record, "bytes-out", "t", &out);
  bytes = g_strdup_printf ("%" G_GUINT64_FORMAT " in, %" G_GUINT64_FORMAT " out", in, out);
  add_line (table, "id", aip_ctl_print_lookup (record, "id"), AIP_CTL_STYLE_PLAIN);
  add_line (table, "upstream id", aip_ctl_print_lookup (record, "upstream-id"), AIP_CTL_STYLE_PLAIN);
  add_line (table, "time", time, AIP_CTL_STYLE_PLAIN);
  add_line (table, "client", aip_ctl_print_lookup (record, "client"), AIP_CTL_STYLE_PLAIN);
  add_line (table, "request", request, AIP_CTL_STYLE_PLAIN);
  add_line (table, "model", aip_ctl_print_lookup (record, "model"), AIP_CTL_STYLE_PLAIN);
  add_line (table, "outcome", outcome, style_of (record));
  add_line (table, "served by", place, AIP_CTL_STYLE_PLAIN);
  add_line (table, "took", took, AIP_CTL_STYLE_PLAIN);
  add_line (table, "bytes", bytes, AIP_CTL_STYLE_PLAIN);
  add_line (table, "tokens", tokens, AIP_CTL_STYLE_PLAIN);
  add_line (table, "strategy", aip_ctl_print_lookup (record, "strategy"), AIP_CTL_STYLE_PLAIN);
  aip_ctl_print_table (ctl, table);
}

static void
add_place (AipCtlTable *table, GVariant *one)
{
  aip_ctl_table_add (table, aip_ctl_print_lookup (one, "provider"));
  aip_ctl_table_add (table, aip_ctl_print_lookup (one, "key"));
  aip_ctl_table_add (table, aip_ctl_print_lookup (one, "model"));
}

/* Only the first ones of many are kept. */
static void
say_rest (AipCtl *ctl, GVariant *record, const char *name, guint n_shown)
{
  guint32 n = 0;

  (void) g_variant_lookup (record, name, "u", &n);
  if (n > n_shown)
    aip_ctl_say (ctl, "and %u more", n - n_shown);
}

static void
print_candidates (AipCtl *ctl, GVariant *record, GVariant *candidates)
{
  static const char *const titles[] = { "CANDIDATE", "PROVIDER", "KEY", "MODEL", "SCORE", "WHY", NULL };
  g_autoptr (AipCtlTable) table = aip_ctl_table_new (titles);
  GVariantIter iter;
  GVariant *candidate;
  guint n = 0;

  g_variant_iter_init (&iter, candidates);
  while (g_variant_iter_loop (&iter, "@a{sv}", &candidate))
    {
      double score = 0;
      const char *reason = aip_ctl_print_lookup (candidate, "reason");
      g_autofree char *place = g_strdup_printf ("%u.", ++n);
      g_autofree char *points = NULL;

      (void) g_variant_lookup (candidate, "score", "d", &score);
      points = g_strdup_printf ("%.3g", score);
      aip_ctl_table_add (table, *reason == '\0' ? place : "out");
      add_place (table, candidate);
      aip_ctl_table_add (table, *reason == '\0' ? points : "");
      aip_ctl_table_add (table, reason);
    }
  aip_ctl_say (ctl, "%s", "");
  aip_ctl_print_table (ctl, table);
  say_rest (ctl, record, "n-candidates", n);
}

static void
print_tries (AipCtl *ctl, GVariant *record, GVariant *tries)
{
  static const char *const titles[] = { "TRY",    "PROVIDER", "KEY",    "MODEL", "AFTER",
                                        "STATUS", "TOOK",     "RESULT", "WHY",   NULL };
  g_autoptr (AipCtlTable) table = aip_ctl_table_new (titles);
  GVariantIter iter;
  GVariant *one;
  guint n = 0;

  g_variant_iter_init (&iter, tries);
  while (g_variant_iter_loop (&iter, "@a{sv}", &one))
    {
      const char *fault = aip_ctl_print_lookup (one, "fault");
      gboolean served = g_str_equal (fault, "none");
      g_autofree char *place = g_strdup_printf ("%u.", ++n);
      g_autofree char *after = dup_duration (one, "begun-us");
      g_autofree char *status = dup_status (one);
      g_autofree char *took = dup_duration (one, "duration-us");

      aip_ctl_table_add (table, place);
      add_place (table, one);
      aip_ctl_table_add (table, after);
      aip_ctl_table_add (table, status);
      aip_ctl_table_add (table, took);
      aip_ctl_table_add_styled (table, served ? "served" : fault,
                                served ? AIP_CTL_STYLE_GOOD : AIP_CTL_STYLE_BAD);
      aip_ctl_table_add (table, aip_ctl_print_lookup (one, "reason"));
    }
  aip_ctl_say (ctl, "%s", "");
  aip_ctl_print_table (ctl, table);
  say_rest (ctl, record, "n-tries", n);
}

/* Why it went where it went. */
static void
print_decision (AipCtl *ctl, GVariant *record)
{
  g_autoptr (GVariant) candidates = g_variant_lookup_value (record, "candidates", G_VARIANT_TYPE ("aa{sv}"));
  g_autoptr (GVariant) tries = g_variant_lookup_value (record, "tries", G_VARIANT_TYPE ("aa{sv}"));

  if (candidates != NULL && g_variant_n_children (candidates) > 0)
    print_candidates (ctl, record, candidates);
  if (tries != NULL && g_variant_n_children (tries) > 0)
    print_tries (ctl, record, tries);
}

/**
 * aip_ctl_log_show:
 *
 * `log show`: how a request has ended, and why it went where it went.
 */
AipCtlExit
aip_ctl_log_show (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  g_autoptr (AipBusActivity) activity = connect_activity (ctl, error);
  g_autoptr (GVariant) record = NULL;

  if (activity == NULL ||
      !aip_bus_activity_call_get_record_sync (activity, aip_ctl_args_nth (args, 0), aip_ctl_no_options (),
                                              &record, NULL, error))
    return AIP_CTL_FAILED;
  if (ctl->json)
    {
      aip_ctl_print_json (ctl, record);
      return AIP_CTL_DONE;
    }
  print_summary (ctl, record);
  print_decision (ctl, record);
  return AIP_CTL_DONE;
}

/* --- log purge --- */

/**
 * aip_ctl_log_purge:
 *
 * `log purge`: forgets all requests that are over.
 */
AipCtlExit
aip_ctl_log_purge (AipCtl *ctl, const AipCtlArgs *args, GError **error)
{
  g_autoptr (AipBusActivity) activity = connect_activity (ctl, error);

  if (activity == NULL)
    return AIP_CTL_FAILED;
  if (!aip_ctl_confirm (args, "Forget all requests that are over?"))
    return aip_ctl_report_nothing (ctl, "nothing was forgotten");
  if (!aip_bus_activity_call_purge_sync (activity, aip_ctl_no_options (), NULL, error))
    return AIP_CTL_FAILED;
  if (ctl->json)
    aip_ctl_print_json (ctl, g_variant_new_parsed ("{'result': 'purged'}"));
  aip_ctl_say (ctl, "all requests that are over were forgotten");
  return AIP_CTL_DONE;
}
