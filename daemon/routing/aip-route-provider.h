/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-router.h"

G_BEGIN_DECLS

/**
 * AipRouteInput: what a router is made of.
 * @secrets: (array) (nullable): for each key of @config
 * @discovered: (nullable) (element-type AipDiscovered): the providers' own lists
 * @live: (element-type AipLiveKey): what aip_live_keys_set_config () gave for @config
 */
typedef struct
{
  const AipConfig *config;
  const AipKeySecret *secrets;
  const GPtrArray *discovered;
  GPtrArray *live;
} AipRouteInput;

/**
 * AipRouteProvider: one enabled provider: what it serves and with which keys. Routers that follow each other
 * share it where all of that is the same.
 * @dialect: how it is spoken to
 * @index: AipCandidate.index of its candidate, where it needs no key
 * @live: its state, where it needs no key
 * @globs: (nullable) (array zero-terminated=1): it serves what matches these; %NULL: what is in @names
 * @names: (element-type utf8): set of the names known exactly, without wildcards
 * @patterns: (element-type utf8): those of @globs that have wildcards
 * @discovered: (nullable) (element-type utf8): what it said it has; %NULL: it was not asked
 * @closed: there is nothing to be had from it beyond @globs
 * @keys: all its keys, usable or not
 * @candidates: (element-type AipCandidate): one for each usable key, without a model, lower priority first
 * @restricted: some of the usable keys are for some models alone
 * @lock: of @lists
 * @lists: (element-type utf8 GArray): where @restricted, the candidates for models seen so far
 */
typedef struct
{
  gatomicrefcount ref_count;
  const AipProviderConfig *config;
  const AipDialect *dialect;
  guint index;
  AipLiveKey *live;
  const char *const *globs;
  GHashTable *names;
  GPtrArray *patterns;
  GPtrArray *discovered;
  gboolean closed;
  GArray *keys;
  GArray *candidates;
  gboolean restricted;
  GMutex lock;
  GHashTable *lists;
} AipRouteProvider;

AipRouteProvider *aip_route_provider_new (const AipRouteInput *input,
                                          guint place,
                                          const GArray *keys,
                                          const char *const *discovered,
                                          const AipRouteProvider *old);
AipRouteProvider *aip_route_provider_ref (AipRouteProvider *self);
void aip_route_provider_unref (AipRouteProvider *self);

gboolean aip_route_provider_is_made_of (const AipRouteProvider *self,
                                        const AipRouteInput *input,
                                        guint place,
                                        const GArray *keys,
                                        const char *const *discovered);

gboolean aip_route_provider_speaks (const AipRouteProvider *self, AipProtocol protocol);
gboolean aip_route_provider_knows (const AipRouteProvider *self, const char *model);
GArray *aip_route_provider_ref_candidates (const AipRouteProvider *self, const char *model);
void aip_route_provider_keep_candidates (const AipRouteProvider *self, const char *model, GArray *candidates);
gboolean
aip_route_provider_append_reasons (const AipRouteProvider *self, const char *model, GPtrArray *reasons);

typedef void (*AipRouteReasonFunc) (const AipKeyConfig *key, const char *reason, void *user_data);
void aip_route_provider_explain (const AipRouteProvider *self,
                                 const char *model,
                                 AipRouteReasonFunc func,
                                 void *user_data);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRouteProvider, aip_route_provider_unref)

G_END_DECLS
