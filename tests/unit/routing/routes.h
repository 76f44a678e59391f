/* SPDX-License-Identifier: MIT */
#pragma once

#include "routing/aip-router.h"

G_BEGIN_DECLS

/* What the tests of the router share: routers made of texts, and plans as texts. */

AipRouter *routes_make (const char *config, const char *discovered);
AipRouter *routes_make_live (const char *config, const char *discovered, AipLiveKeys *live);
char *routes_plan (AipRouter *router, const AipRouteQuery *query);
char *routes_list (AipRouter *router);

G_END_DECLS
