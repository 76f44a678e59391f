/* SPDX-License-Identifier: MIT */
#pragma once

#include <curl/curl.h>

CURLcode aip_curl_memory_init (void);
