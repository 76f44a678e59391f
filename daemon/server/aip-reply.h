/* SPDX-License-Identifier: MIT */
#pragma once

#include "server/aip-connection.h"
#include "wire/aip-protocol.h"

G_BEGIN_DECLS

void aip_reply_add_line (GString *headers,
                         const char *name,
                         gsize name_length,
                         const char *value,
                         gsize value_length);
void aip_reply_add_header (GString *headers, const char *name, const char *value);
gsize aip_reply_json (AipConnection *connection, guint status, GString *headers, const char *body);
gsize aip_reply_failure (AipConnection *connection,
                         AipProtocol protocol,
                         const AipFailure *failure,
                         GString *headers);
guint aip_reply_status_of (const GError *error);

G_END_DECLS
