/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config-draft.h"
#include "config/aip-config-edit.h"

G_BEGIN_DECLS

gboolean aip_config_base_has_text (const AipConfigBase *self, const GString *text);
AipConfig *aip_config_base_change (AipConfigBase *self,
                                   const AipConfigEdit *edit,
                                   const char *text,
                                   const char *const *paths);
const AipConfigDraft *aip_config_base_get_draft (const AipConfigBase *self);
void aip_config_base_keep (AipConfigBase *self, AipConfigDraft *draft, char *text, AipConfig *config);

G_END_DECLS
