/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config-schema.h"

G_BEGIN_DECLS

const AipSettingGroup *aip_config_check_group_name (const char *group, char **shown, char **fault);
const AipSetting *aip_config_check_setting_name (const AipSettingGroup *kind,
                                                 const char *key,
                                                 const char **shown,
                                                 char **fault);

G_END_DECLS
