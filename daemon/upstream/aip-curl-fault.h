/* SPDX-License-Identifier: MIT */
#pragma once

#include <curl/curl.h>

#include "upstream/aip-transfer.h"

G_BEGIN_DECLS

AipFault aip_curl_fault (CURL *handle, CURLcode code, const char *error_text);
char *aip_curl_fault_dup_detail (CURL *handle, CURLcode code, const char *error_text);
char *aip_curl_fault_dup_message (CURL *handle, AipFault fault, guint64 limit_ms, const char *detail);

G_END_DECLS
