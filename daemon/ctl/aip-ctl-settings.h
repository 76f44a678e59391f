/* SPDX-License-Identifier: MIT */
#pragma once

#include "ctl/aip-ctl-args.h"

G_BEGIN_DECLS

gboolean aip_ctl_settings_take (GVariantDict *settings, const char *const *words, GError **error);
void
aip_ctl_settings_take_options (GVariantDict *settings, const AipCtlArgs *args, const char *const *options);

G_END_DECLS
