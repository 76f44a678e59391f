/* SPDX-License-Identifier: MIT */
#pragma once

#include "server/aip-forward-headers.h"
#include "server/aip-head.h"
#include "wire/aip-protocol.h"

G_BEGIN_DECLS

gboolean aip_websocket_check_request (const AipHead *head, AipFailure *failure);
const char *aip_websocket_find_token (const AipHead *head, gsize *length);
char *aip_websocket_dup_protocols (const AipHead *head);
void aip_websocket_add_request (AipHeaderLines *lines, const AipHead *head, const char *protocols);
gboolean aip_websocket_check_answer (const AipHead *head, const AipHeaderView *headers, gsize n_headers);

G_END_DECLS
