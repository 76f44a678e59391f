/* SPDX-License-Identifier: MIT */
#pragma once

#include "base/aip-secret.h"

G_BEGIN_DECLS

AipSecret *aip_config_take_clear_secret (const char *path, const char *key_name, GError **error);

G_END_DECLS
