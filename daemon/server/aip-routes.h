/* SPDX-License-Identifier: MIT */
#pragma once

#include "wire/aip-protocol.h"

G_BEGIN_DECLS

typedef enum
{
  AIP_ROUTE_UNKNOWN,      /* 404 */
  AIP_ROUTE_WRONG_METHOD, /* 405 */
  AIP_ROUTE_CONTROL,      /* the control plane */
  AIP_ROUTE_MODELS,       /* the list of models, answered here */
  AIP_ROUTE_MODEL,        /* one model, answered here */
  AIP_ROUTE_FORWARD,      /* to a provider */
  AIP_ROUTE_REALTIME,     /* to a provider, as a WebSocket */
} AipRouteKind;

/**
 * AipRoute: what a path and a method ask for.
 *
 * @protocol: whose shape answers and errors take
 * @endpoint: the path behind the version, as providers know it: "chat/completions"; for the control
 *   plane the whole path without aliases: "/status". Points into the path or at static text.
 * @methods: (nullable): with AIP_ROUTE_WRONG_METHOD, the right ones
 * @json: the body has to be JSON
 * @needs_model: the body has to name a model
 * @implies_stream: `stream` is to be true
 * @answers_json: an answer that succeeds is JSON, or a stream of events
 * @has_end_mark: a stream without its protocol's end mark was cut
 */
typedef struct
{
  AipRouteKind kind;
  AipProtocol protocol;
  const char *endpoint;
  const char *methods;
  gboolean json;
  gboolean needs_model;
  gboolean implies_stream;
  gboolean answers_json;
  gboolean has_end_mark;
} AipRoute;

AipRoute aip_routes_find (const char *method, const char *path);

G_END_DECLS
