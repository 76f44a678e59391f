/* SPDX-License-Identifier: MIT */
#pragma once

#include <libsoup/soup.h>

G_BEGIN_DECLS

const char *aip_token_find (SoupMessageHeaders *headers);

G_END_DECLS
