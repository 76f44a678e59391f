/* SPDX-License-Identifier: MIT */
#pragma once

#include "aip-assembly.h"

G_BEGIN_DECLS

gboolean aip_import_keys (const AipAssemblySources *sources, GError **error);

G_END_DECLS
