/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-secret.h"
#include "config/aip-config.h"
#include "wire/aip-dialect.h"

G_BEGIN_DECLS

/**
 * AipCandidate: one way to serve a request: a provider, a key of it, and the provider's name for the model.
 * Borrowed from the router's snapshot, except @model, which may point into AipRouteQuery.model.
 */
typedef struct
{
  const AipProviderConfig *provider;
  const AipDialect *dialect;
  const AipKeyConfig *key; /* (nullable): the provider needs none */
  AipSecret *secret;       /* (nullable) (not owned) */
  const char *model;       /* (nullable): the request names no model */
} AipCandidate;

/**
 * AipRouteQuery: what is asked for.
 * @protocol: what the client speaks
 * @model: (nullable): the client's name for the model
 * @provider: (nullable): the only provider that the client wants
 */
typedef struct
{
  AipProtocol protocol;
  const char *model;
  const char *provider;
} AipRouteQuery;

/**
 * AipKeySecret: what the key store had for the key of the same index in the config, and why not where
 * it had nothing.
 * @secret: (nullable)
 * @missing: (nullable): static text: "the keyring is locked", ...; NULL: what the kind of reference says,
 *   such as "environment variable X is not set"
 * @locked: the reason is a keyring that its owner can unlock
 */
typedef struct
{
  AipSecret *secret;
  const char *missing;
  gboolean locked;
} AipKeySecret;

/**
 * AipModelList: what each provider said it has; models is NULL until it was asked.
 */
typedef struct
{
  char *provider;
  char **models;
} AipDiscovered;

/**
 * AipRouteExplanation: what becomes of one key, or of a provider as a whole.
 * @key: (nullable): the provider needs none, or all of it is out
 * @model: (nullable): its name for the model
 * @reason: (nullable): why it is out; NULL: it would serve
 */
typedef struct
{
  char *provider;
  char *key;
  char *model;
  char *reason;
} AipRouteExplanation;

/**
 * AipRouter: an immutable, reference-counted table from models to candidates, made of one config, the
 * secrets there are, and the providers' model lists. Pure; safe to read from all workers. Its only
 * moving parts are the round-robin counters, atomics.
 */
typedef struct _AipRouter AipRouter;

AipRouter *aip_router_new (AipConfig *config, const AipKeySecret *secrets, const GPtrArray *discovered);
AipRouter *aip_router_ref (AipRouter *self);
void aip_router_unref (AipRouter *self);

GArray *aip_router_plan (AipRouter *self, const AipRouteQuery *query, GError **error);
GPtrArray *aip_router_explain (AipRouter *self, const AipRouteQuery *query, GError **error);
GPtrArray *aip_router_list_models (AipRouter *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRouter, aip_router_unref)

G_END_DECLS
