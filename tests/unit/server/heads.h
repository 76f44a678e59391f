/* SPDX-License-Identifier: MIT */
#pragma once

#include "server/aip-head.h"

G_BEGIN_DECLS

/* What the tests of this room share: heads made of texts. */

AipHead *heads_parse (const char *text);
AipHead *heads_get (const char *headers);

G_END_DECLS
