/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-route-provider.h"

G_BEGIN_DECLS

/**
 * AipRouteAlias: what the config says about one alias.
 * @general: (nullable): the mapping for all providers
 * @special: (nullable) (element-type AipMappingConfig): those for one provider each; %NULL: there is none
 */
typedef struct
{
  const AipMappingConfig *general;
  GPtrArray *special;
} AipRouteAlias;

/**
 * AipRouteRules: what there is to know about who serves what, before any name is looked at. Immutable; rules
 * that follow each other share what is the same.
 * @config: what they are made of
 * @own_keys: (element-type utf8 GArray): a provider's name -> the places of its keys in @config
 * @unknown_allowed: models that nobody is known to have are tried, too
 * @providers: (element-type AipRouteProvider): those in use, lower priority first
 * @unknown_protocols: (element-type guint): for each of @providers a mask of (1 << AipProtocol): models that
 *   nobody knows go there
 * @default_provider: (nullable): one of @providers
 * @aliases: (element-type utf8 AipRouteAlias): by the alias
 * @contexts: (nullable): a model's name -> AipModelConfig, of those whose context is known
 * @live: (element-type AipLiveKey): the state of all keys, by AipCandidate.index
 */
typedef struct
{
  const AipConfig *config;
  GHashTable *own_keys;
  gboolean unknown_allowed;
  GPtrArray *providers;
  GArray *unknown_protocols;
  const AipRouteProvider *default_provider;
  GHashTable *aliases;
  GHashTable *contexts;
  GPtrArray *live;
} AipRouteRules;

AipRouteRules *aip_route_rules_new (const AipRouteInput *input, const AipRouteRules *old);
void aip_route_rules_free (AipRouteRules *self);

const AipRouteProvider *aip_route_rules_get_provider (const AipRouteRules *self, guint index);
const AipRouteProvider *aip_route_rules_find_provider (const AipRouteRules *self, const char *name);
const AipRouteProvider *aip_route_rules_find_fixed_provider (const AipRouteRules *self, AipProtocol protocol);
guint aip_route_rules_get_context (const AipRouteRules *self, const char *model);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRouteRules, aip_route_rules_free)

G_END_DECLS
