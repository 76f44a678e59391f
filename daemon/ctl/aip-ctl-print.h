/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  AIP_CTL_STYLE_PLAIN,
  AIP_CTL_STYLE_BOLD,
  AIP_CTL_STYLE_DIM,
  AIP_CTL_STYLE_GOOD,
  AIP_CTL_STYLE_WARNING,
  AIP_CTL_STYLE_BAD,
  AIP_CTL_N_STYLES,
} AipCtlStyle;

gboolean aip_ctl_print_wants_colour (int fd);

void aip_ctl_print_append (GString *out, const char *text);
void aip_ctl_print_append_styled (GString *out, const char *text, AipCtlStyle style, gboolean colour);
gsize aip_ctl_print_width (const char *text);
void aip_ctl_print_append_padding (GString *out, gsize width);

const char *aip_ctl_print_lookup (GVariant *dictionary, const char *key);
GPtrArray *aip_ctl_print_sort_names (GVariant *dictionary);
char *aip_ctl_print_value (GVariant *value);
char *aip_ctl_print_duration (gint64 us);

G_END_DECLS
