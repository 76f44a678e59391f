/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-log"

#include "ctl/aip-ctl-request.h"

#include "ctl/aip-ctl-print.h"

/**
 * aip_ctl_request_dup_time:
 * @request: a request
 * @date: whether to tell the day too
 *
 * Returns: (transfer full): when it began, in this machine's time zone: "12:59:59.123"
 */
char *
aip_ctl_request_dup_time (GVariant *request, gboolean date)
{
  gint64 us = 0;
  g_autoptr (GDateTime) time = NULL;
  g_autofree char *text = NULL;

  g_return_val_if_fail (request != NULL, NULL);

  (void) g_variant_lookup (request, "time-us", "x", &us);
  time = g_date_time_new_from_unix_local (us / G_USEC_PER_SEC);
  text = time != NULL ? g_date_time_format (time, date ? "%Y-%m-%d %H:%M:%S" : "%H:%M:%S")
                      : g_strdup ("--:--:--");
  return g_strdup_printf ("%s.%03d", text, (int) (us / 1000 % 1000));
}

/**
 * aip_ctl_request_dup_tokens:
 * @request: a request that is over
 *
 * Returns: (transfer full): "INPUT+OUTPUT tokens"; empty: not known
 */
char *
aip_ctl_request_dup_tokens (GVariant *request)
{
  guint64 input, output;
  gboolean has_input, has_output;
  g_autofree char *in = NULL;
  g_autofree char *out = NULL;

  g_return_val_if_fail (request != NULL, NULL);

  has_input = g_variant_lookup (request, "input-tokens", "t", &input);
  has_output = g_variant_lookup (request, "output-tokens", "t", &output);
  in = has_input ? g_strdup_printf ("%" G_GUINT64_FORMAT, input) : g_strdup ("?");
  out = has_output ? g_strdup_printf ("%" G_GUINT64_FORMAT, output) : g_strdup ("?");
  return has_input || has_output ? g_strdup_printf ("%s+%s tokens", in, out) : g_strdup ("");
}

/**
 * aip_ctl_request_dup_place:
 * @request: a request that is over
 *
 * Returns: (transfer full): "PROVIDER/KEY", and the model's name there where it is another one; empty: it
 * came to none
 */
char *
aip_ctl_request_dup_place (GVariant *request)
{
  const char *provider, *key, *model, *upstream;
  gboolean renamed;

  g_return_val_if_fail (request != NULL, NULL);

  provider = aip_ctl_print_lookup (request, "provider");
  key = aip_ctl_print_lookup (request, "key");
  model = aip_ctl_print_lookup (request, "model");
  upstream = aip_ctl_print_lookup (request, "upstream-model");
  renamed = upstream[0] != '\0' && !g_str_equal (upstream, model);
  if (provider[0] == '\0')
    return g_strdup ("");
  return g_strconcat (provider, key[0] != '\0' ? "/" : "", key, renamed ? " as " : "",
                      renamed ? upstream : "", NULL);
}
