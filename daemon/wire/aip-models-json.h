/* SPDX-License-Identifier: MIT */
#pragma once

#include "wire/aip-protocol.h"

G_BEGIN_DECLS

/**
 * AipModelInfo: one entry of a model list.
 * @id: the name clients use
 * @owner: `owned_by`: the provider's name
 * @created: seconds since the epoch; 0: unknown
 */
typedef struct
{
  const char *id;
  const char *owner;
  gint64 created;
} AipModelInfo;

char *aip_models_format_list (AipProtocol protocol, const AipModelInfo *models, gsize n_models);
char *aip_models_format_one (AipProtocol protocol, const AipModelInfo *model);
char **aip_models_parse_list (const char *text, gsize length, GError **error);

G_END_DECLS
