/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Private to the JSON peek: the strings of RFC 8259, as they stand in a document. */

const guchar *
aip_json_text_scan (const guchar *pos, const guchar *end, gboolean *escaped, const char **fault);
char *aip_json_text_decode (const char *text, gsize length, gsize *decoded_length);

G_END_DECLS
