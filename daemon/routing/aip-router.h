/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-secret.h"
#include "config/aip-config.h"
#include "routing/aip-live-keys.h"
#include "routing/aip-too-long.h"
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
  AipLiveKey *live;        /* (not owned): of the key, or of the provider that needs none */
  double weight;           /* the provider's times the key's */
  double score;            /* what the strategy made of it; in a plan alone */
  guint index;             /* of the key or keyless provider within the router */
  int priority;            /* the key's; 0: the provider needs none */
  gboolean least_bad;      /* it is out, and there is nobody else: aip_live_key_begin_early () */
} AipCandidate;

/**
 * AipMayUseFunc: whether limits leave room for an attempt with @candidate now. Called for each candidate that
 * is not out anyway, so it has to be quick. @wait_us: (out): set where it returns FALSE and knows when there
 * will be room: microseconds from now; it comes in as -1: not known.
 */
typedef gboolean (*AipMayUseFunc) (const AipCandidate *candidate, gint64 *wait_us, void *user_data);

/**
 * AipHeadroomFunc: what share of the limits that may_use goes by is left to @candidate, 0 to 1. As quick as
 * that.
 */
typedef double (*AipHeadroomFunc) (const AipCandidate *candidate, void *user_data);

/* How many rights a request may be held to. */
#define AIP_ROUTE_RIGHTS 2

/**
 * AipRouteQuery: what is asked for. All zero but @protocol is a good query.
 * @protocol: what the client speaks
 * @model: (nullable): the client's name for the model
 * @provider: (nullable): the only provider that the client wants
 * @strategy: (nullable): in place of the mapping's and the configuration's; one of aip_config_strategies
 * @now_us: the clock that the live keys go by
 * @random: any number, another each time
 * @sticky: what the conversation or client is known by; the same number goes to the same key while that is
 *   healthy; 0: not wanted
 * @tokens: how many it takes at least: who has fewer left of the provider's own limit comes last; 0: not
 * known
 * @limit: how many candidates are needed, see [retry] max-attempts; 0: all
 * @providers: (array) (nullable): globs: the providers that the client may use, by its own rights and by
 * those of its tenant; NULL: all
 * @keys: the same for keys
 * @too_long: (nullable): models that have turned the same request down; only those that may be larger count
 * @may_use: (nullable): see #AipMayUseFunc
 * @get_headroom: (nullable): see #AipHeadroomFunc; gets may_use_data, too
 * @strategy_used: (out) (optional): static: the name of the strategy that put the candidates in order
 * @look_only: nobody will be asked by this plan: it takes no turn
 */
typedef struct
{
  AipProtocol protocol;
  const char *model;
  const char *provider;
  const char *strategy;
  gint64 now_us;
  guint64 random;
  guint64 sticky;
  guint64 tokens;
  guint limit;
  const char *const *providers[AIP_ROUTE_RIGHTS];
  const char *const *keys[AIP_ROUTE_RIGHTS];
  const AipTooLong *too_long;
  AipMayUseFunc may_use;
  AipHeadroomFunc get_headroom;
  void *may_use_data;
  const char **strategy_used;
  gboolean look_only;
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
 * @note: (nullable): what else there is to know of one that would serve: "half-open: ..."
 * @score: what the strategy made of it; 0 where it is out
 * @context: how many tokens fit into @model; 0: not known
 */
typedef struct
{
  char *provider;
  char *key;
  char *model;
  char *reason;
  char *note;
  double score;
  guint context;
} AipRouteExplanation;

/**
 * AipRouter: an immutable, reference-counted table from models to candidates, made of one config, the
 * secrets there are, and the providers' model lists. Pure; safe to read from all workers. Its only
 * moving parts are the strategies' turns, behind locks.
 */
typedef struct _AipRouter AipRouter;

AipRouter *aip_router_new (AipConfig *config,
                           const AipKeySecret *secrets,
                           const GPtrArray *discovered,
                           AipLiveKeys *live,
                           const AipRouter *old);
AipRouter *aip_router_ref (AipRouter *self);
void aip_router_unref (AipRouter *self);

GArray *aip_router_plan (AipRouter *self, const AipRouteQuery *query, gint64 *retry_after_us, GError **error);
GPtrArray *aip_router_explain (AipRouter *self, const AipRouteQuery *query, guint max, GError **error);
GPtrArray *aip_router_list_models (AipRouter *self);
AipLiveKey *aip_router_get_live_key (const AipRouter *self, guint index);
guint aip_router_get_context (AipRouter *self, const char *model);
gboolean aip_router_renew (const AipRouter *self, AipProtocol protocol, AipCandidate *candidate);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRouter, aip_router_unref)

G_END_DECLS
