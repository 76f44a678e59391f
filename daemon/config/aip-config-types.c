/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-types.h"

#include <float.h>

#include "base/aip-error.h"
#include "base/aip-log.h"
#include "config/aip-config-suggest.h"
#include "config/aip-config-values.h"

/* The smallest double has this many decimals until its digits are told from its neighbours'. */
#define MAX_DECIMALS 341

/**
 * aip_setting_fail:
 * @error: return location for an AIP_ERROR_INVALID_CONFIG
 * @format: "what is wrong; what would be right", a printf format
 * @...: its arguments
 *
 * Sets @error.
 *
 * Returns: FALSE
 */
gboolean
aip_setting_fail (GError **error, const char *format, ...)
{
  va_list arguments;
  g_autofree char *message = NULL;

  va_start (arguments, format);
  message = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_set_error_literal (error, AIP_ERROR, AIP_ERROR_INVALID_CONFIG, message);
  return FALSE;
}

/**
 * aip_setting_format_string:
 * @field: (type utf8): address of a string or NULL
 *
 * Returns: (transfer full): the string; empty for NULL; hidden where it looks like a secret, or as a URL with
 * one
 */
char *
aip_setting_format_string (const void *field)
{
  const char *text = *(const char *const *) field;
  g_autofree char *masked = aip_log_mask (text == NULL ? "" : text);

  return g_strdup (text == NULL || g_str_equal (masked, text) ? masked : AIP_SETTING_HIDDEN);
}

/**
 * aip_setting_format_list:
 * @field: (type GStrv): address of a list
 *
 * Returns: (transfer full): the list
 */
char **
aip_setting_format_list (const void *field)
{
  return g_strdupv (*(char **const *) field);
}

/**
 * aip_setting_clear_string:
 * @field: (type utf8): address of a string or NULL
 *
 * Frees the string.
 */
void
aip_setting_clear_string (void *field)
{
  g_clear_pointer ((char **) field, g_free);
}

/**
 * aip_setting_clear_list:
 * @field: (type GStrv): address of a list or NULL
 *
 * Frees the list.
 */
void
aip_setting_clear_list (void *field)
{
  g_clear_pointer ((char ***) field, g_strfreev);
}

static gboolean
parse_boolean (const AipSetting *setting, const char *text, void *field, GError **error)
{
  return aip_config_parse_boolean (text, field) ||
         aip_setting_fail (error, "is neither true nor false; write true or false");
}

static gboolean
parse_int (const AipSetting *setting, const char *text, void *field, GError **error)
{
  gint64 value;

  if (!g_ascii_string_to_signed (text, 10, setting->min, setting->max, &value, NULL))
    return aip_setting_fail (error,
                             "is not a number in range; write a whole number from %" G_GINT64_FORMAT
                             " to %" G_GINT64_FORMAT,
                             setting->min, setting->max);
  *(int *) field = (int) value;
  return TRUE;
}

static gboolean
parse_uint64 (const AipSetting *setting, const char *text, void *field, GError **error)
{
  /* GLib's parser of unsigned numbers takes no sign, so that -1 is no large number. */
  if (!g_ascii_string_to_unsigned (text, 10, (guint64) setting->min, (guint64) setting->max, field, NULL))
    return aip_setting_fail (error,
                             "is not a number in range; write a whole number from %" G_GINT64_FORMAT
                             " to %" G_GINT64_FORMAT,
                             setting->min, setting->max);
  return TRUE;
}

static gboolean
parse_uint (const AipSetting *setting, const char *text, void *field, GError **error)
{
  guint64 value;

  if (!parse_uint64 (setting, text, &value, error))
    return FALSE;
  *(guint *) field = (guint) value;
  return TRUE;
}

static gboolean
parse_double (const AipSetting *setting, const char *text, void *field, GError **error)
{
  double value;

  if (!aip_config_parse_double (text, &value) || value < (double) setting->min ||
      value > (double) setting->max)
    return aip_setting_fail (error,
                             "is not a number in range; write a number such as 0.5, from %" G_GINT64_FORMAT
                             " to %" G_GINT64_FORMAT,
                             setting->min, setting->max);
  *(double *) field = value;
  return TRUE;
}

static gboolean
parse_price (const AipSetting *setting, const char *text, void *field, GError **error)
{
  if (*text != '\0')
    return parse_double (setting, text, field, error);
  *(double *) field = -1;
  return TRUE;
}

static gboolean
parse_duration (const AipSetting *setting, const char *text, void *field, GError **error)
{
  guint64 value;
  g_autofree char *min = aip_config_format_duration ((guint64) setting->min);
  g_autofree char *max = aip_config_format_duration ((guint64) setting->max);

  if (!aip_config_parse_duration (text, &value))
    return aip_setting_fail (
        error, "is not a duration; write a number with its unit, such as 250ms, 30s, 2m, 1h or 7d");
  if (value < (guint64) setting->min || value > (guint64) setting->max)
    return aip_setting_fail (error, "is out of range; write a duration from %s to %s", min, max);
  *(guint64 *) field = value;
  return TRUE;
}

static gboolean
parse_size (const AipSetting *setting, const char *text, void *field, GError **error)
{
  guint64 value;
  g_autofree char *min = aip_config_format_size ((guint64) setting->min);
  g_autofree char *max = aip_config_format_size ((guint64) setting->max);

  if (!aip_config_parse_size (text, &value))
    return aip_setting_fail (error,
                             "is not a size; write a number with its unit, such as 512KiB, 10MB or 64MiB");
  if (value < (guint64) setting->min || value > (guint64) setting->max)
    return aip_setting_fail (error, "is out of range; write a size from %s to %s", min, max);
  *(guint64 *) field = value;
  return TRUE;
}

static gboolean
has_control_character (const char *text)
{
  for (; *text != '\0'; text++)
    if (g_ascii_iscntrl (*text))
      return TRUE;
  return FALSE;
}

static gboolean
parse_string (const AipSetting *setting, const char *text, void *field, GError **error)
{
  if (has_control_character (text))
    return aip_setting_fail (error, "has a control character, such as a line break; leave it out");
  *(char **) field = g_strdup (text);
  return TRUE;
}

static gboolean
parse_optional (const AipSetting *setting, const char *text, void *field, GError **error)
{
  return *text == '\0' || parse_string (setting, text, field, error);
}

static gboolean
check_choice (const AipSetting *setting, const char *text, GError **error)
{
  g_autofree char *hint = NULL;

  if (g_strv_contains (setting->choices, text))
    return TRUE;
  hint = aip_config_suggest_or_list (text, setting->choices);
  return aip_setting_fail (error, "has no such value; %s", hint);
}

static gboolean
parse_choice (const AipSetting *setting, const char *text, void *field, GError **error)
{
  if (*text == '\0' && *setting->initial == '\0')
    return TRUE;
  if (!check_choice (setting, text, error))
    return FALSE;
  *(char **) field = g_strdup (text);
  return TRUE;
}

static gboolean
parse_list (const AipSetting *setting, char **items, void *field, GError **error)
{
  for (guint i = 0; items[i] != NULL; i++)
    if (has_control_character (items[i]))
      return aip_setting_fail (error, "has a control character, such as a line break; leave it out");
  *(char ***) field = g_strdupv (items);
  return TRUE;
}

static gboolean
parse_choices (const AipSetting *setting, char **items, void *field, GError **error)
{
  for (guint i = 0; items[i] != NULL; i++)
    if (!check_choice (setting, items[i], error))
      return FALSE;
  return parse_list (setting, items, field, error);
}

static gboolean
parse_retry_on (const AipSetting *setting, char **items, void *field, GError **error)
{
  static const char *const words[] = { "4xx", "5xx", "connect", "timeout", "cut", NULL };

  for (guint i = 0; items[i] != NULL; i++)
    if (!g_strv_contains (words, items[i]) &&
        !g_ascii_string_to_unsigned (items[i], 10, 400, 599, NULL, NULL))
      return aip_setting_fail (
          error, "has an entry that is no fault; write HTTP statuses from 400 to 599, 4xx, 5xx, connect, "
                 "timeout or cut, separated by \";\"");
  return parse_list (setting, items, field, error);
}

static char *
format_boolean (const void *field)
{
  return g_strdup (*(const gboolean *) field ? "true" : "false");
}

static char *
format_int (const void *field)
{
  return g_strdup_printf ("%d", *(const int *) field);
}

static char *
format_uint (const void *field)
{
  return g_strdup_printf ("%u", *(const guint *) field);
}

static char *
format_uint64 (const void *field)
{
  return g_strdup_printf ("%" G_GUINT64_FORMAT, *(const guint64 *) field);
}

/* With as few decimals as give the same number again. */
static char *
format_double (const void *field)
{
  double value = *(const double *) field;
  char text[DBL_MAX_10_EXP + MAX_DECIMALS + 4];
  char format[16];

  for (int decimals = 0; decimals <= MAX_DECIMALS; decimals++)
    {
      g_snprintf (format, sizeof format, "%%.%df", decimals);
      g_ascii_formatd (text, sizeof text, format, value);
      if (g_ascii_strtod (text, NULL) == value)
        break;
    }
  return g_strdup (text);
}

static char *
format_price (const void *field)
{
  return *(const double *) field < 0 ? g_strdup ("") : format_double (field);
}

static char *
format_duration (const void *field)
{
  return aip_config_format_duration (*(const guint64 *) field);
}

static char *
format_size (const void *field)
{
  return aip_config_format_size (*(const guint64 *) field);
}

const AipSettingType aip_setting_boolean = { .parse = parse_boolean, .format = format_boolean };
const AipSettingType aip_setting_int = { .parse = parse_int, .format = format_int };
const AipSettingType aip_setting_uint = { .parse = parse_uint, .format = format_uint };
const AipSettingType aip_setting_uint64 = { .parse = parse_uint64, .format = format_uint64 };
const AipSettingType aip_setting_double = { .parse = parse_double, .format = format_double };
const AipSettingType aip_setting_price = { .parse = parse_price, .format = format_price };
const AipSettingType aip_setting_duration = { .parse = parse_duration, .format = format_duration };
const AipSettingType aip_setting_size = { .parse = parse_size, .format = format_size };
const AipSettingType aip_setting_string = { .parse = parse_string,
                                            .format = aip_setting_format_string,
                                            .clear = aip_setting_clear_string };
const AipSettingType aip_setting_optional = { .parse = parse_optional,
                                              .format = aip_setting_format_string,
                                              .clear = aip_setting_clear_string };
const AipSettingType aip_setting_choice = { .parse = parse_choice,
                                            .format = aip_setting_format_string,
                                            .clear = aip_setting_clear_string };
const AipSettingType aip_setting_list = { .parse_items = parse_list,
                                          .format_items = aip_setting_format_list,
                                          .clear = aip_setting_clear_list };
const AipSettingType aip_setting_choices = { .parse_items = parse_choices,
                                             .format_items = aip_setting_format_list,
                                             .clear = aip_setting_clear_list };
const AipSettingType aip_setting_retry_on = { .parse_items = parse_retry_on,
                                              .format_items = aip_setting_format_list,
                                              .clear = aip_setting_clear_list };
