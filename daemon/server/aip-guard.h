/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config.h"
#include "server/aip-head.h"
#include "wire/aip-protocol.h"

G_BEGIN_DECLS

#define AIP_HOP_HEADER "X-AIProxy-Hop"
#define AIP_MAX_HOPS 4

/**
 * AipGuard: which requests are refused by their head alone, whoever sent them: what a web page, a rebound
 * name, or a loop of gateways could send. Immutable; safe to read from all workers.
 */
typedef struct _AipGuard AipGuard;

AipGuard *aip_guard_new (const AipConfig *config);
void aip_guard_free (AipGuard *self);
gboolean aip_guard_check (const AipGuard *self, const AipHead *head, AipFailure *failure);
gboolean aip_guard_check_path (const char *path, AipFailure *failure);
guint aip_guard_get_hops (const AipHead *head);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipGuard, aip_guard_free)

G_END_DECLS
