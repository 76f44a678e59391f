/* SPDX-License-Identifier: MIT */
#pragma once

#include "bus/aip-bus-context.h"
#include "policy/aip-first-token.h"

G_BEGIN_DECLS

gboolean aip_client_token_is_kept (const AipBusContext *context);
gboolean aip_client_token_is_awaited (const AipBusContext *context);
AipSecret *aip_client_token_find (const AipBusContext *context, const AipClientConfig *client);
AipSecret *aip_client_token_issue (const AipBusContext *context, AipChange *change, const char *client);
void aip_client_token_put (AipChange *change, const char *client, AipSecret *token);
void aip_client_token_forget (AipChange *change, const char *client);
gboolean aip_client_token_is_first (const AipBusContext *context);
void aip_client_token_adopt_first (const AipBusContext *context, AipChange *change);
void aip_client_token_move_first (AipBusContext *context);
GError *aip_client_token_make_error (const AipBusContext *context, const char *client);

G_END_DECLS
