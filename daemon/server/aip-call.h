/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-json-peek.h"
#include "server/aip-routes.h"

G_BEGIN_DECLS

/**
 * AipCall: what a JSON request asks for, as far as its way depends on it.
 *
 * @body: (owned) (nullable): the whole body
 * @model: (owned) (nullable): the client's name for the model
 * @stream: the answer is to be a stream of events
 */
typedef struct
{
  GBytes *body;
  char *model;
  gboolean stream;
  AipJsonMember model_member;
  AipJsonMember stream_member;
} AipCall;

gboolean aip_call_parse (AipCall *self, GBytes *body, const AipRoute *route, GError **error);
GBytes *aip_call_render (const AipCall *self, const AipRoute *route, const char *model);
gboolean aip_call_has_second_model (const AipCall *self);
guint64 aip_call_find_max_output (const AipCall *self);
gboolean aip_call_parse_query (AipCall *self, const char *query, GError **error);
void aip_call_clear (AipCall *self);

G_END_DECLS
