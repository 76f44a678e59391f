/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

JsonNode *aip_json_tree_parse (const char *text, gsize length, GError **error);
const char *aip_json_tree_get_string (JsonObject *object, const char *name);

G_END_DECLS
