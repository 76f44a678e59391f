/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-secret.h"
#include "config/aip-config.h"

G_BEGIN_DECLS

AipSecret *aip_secret_ref_read (const AipSecretRef *ref, const char *setting, GError **error);

G_END_DECLS
