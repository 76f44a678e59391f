/* SPDX-License-Identifier: MIT */
#pragma once

#include "wire/aip-dialect.h"

G_BEGIN_DECLS

/* The smallest request that a provider answers with its model, and charges for: one token. */

const char *aip_trial_pick_model (const char *const *models, const char *const *globs);
const char *aip_trial_get_endpoint (const AipDialect *dialect);
char *aip_trial_make_body (const AipDialect *dialect, const char *base_url, const char *model);

G_END_DECLS
