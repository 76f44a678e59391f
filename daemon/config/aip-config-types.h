/* SPDX-License-Identifier: MIT */
#pragma once

#include "config/aip-config-schema.h"

G_BEGIN_DECLS

extern const AipSettingType aip_setting_boolean;
extern const AipSettingType aip_setting_int;
extern const AipSettingType aip_setting_uint;
extern const AipSettingType aip_setting_uint64;
extern const AipSettingType aip_setting_double;
extern const AipSettingType aip_setting_price; /* empty: unknown, -1 */
extern const AipSettingType aip_setting_duration;
extern const AipSettingType aip_setting_size;

extern const AipSettingType aip_setting_string;   /* never NULL */
extern const AipSettingType aip_setting_optional; /* empty: NULL */
extern const AipSettingType aip_setting_choice;   /* empty: NULL, where that is the default */
extern const AipSettingType aip_setting_proxy;
extern const AipSettingType aip_setting_secret;
extern const AipSettingType aip_setting_digest;
extern const AipSettingType aip_setting_secret_ref;
extern const AipSettingType aip_setting_redis_url; /* empty: NULL */

extern const AipSettingType aip_setting_list;
extern const AipSettingType aip_setting_choices;
extern const AipSettingType aip_setting_listen;
extern const AipSettingType aip_setting_hosts;
extern const AipSettingType aip_setting_origins;
extern const AipSettingType aip_setting_retry_on;
extern const AipSettingType aip_setting_headers;

gboolean aip_setting_fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);
char *aip_setting_format_string (const void *field);
char **aip_setting_format_list (const void *field);
void aip_setting_clear_string (void *field);
void aip_setting_clear_list (void *field);

G_END_DECLS
