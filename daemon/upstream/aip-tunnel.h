/* SPDX-License-Identifier: MIT */
#pragma once

#include "upstream/aip-upstream.h"

G_BEGIN_DECLS

/**
 * AipTunnel: one connection to an upstream that leaves HTTP behind: a request to upgrade, its answer, and
 * then bytes both ways, whatever they mean; on the thread of its AipUpstream's loop.
 */
typedef struct _AipTunnel AipTunnel;

/**
 * AipTunnelFuncs: what the tunnel tells. No function is called from within aip_tunnel_new (), _send () or
 * _resume (). Cancelling from within any of them is allowed.
 *
 * @head: the answer's status, 101 or a final one, and its headers; once, before any data
 * @data: bytes behind the head: of the tunnel after 101, else of the body, framed as the head says; FALSE:
 *   not taken, no room; they come again after aip_tunnel_resume ()
 * @writable: aip_tunnel_send () had no room, now it has
 * @done: the upstream has ended the connection (AIP_FAULT_NONE), or it failed; once, and last. Not after
 *   a cancel. The message is for people, holds no secret, and is NULL without a fault.
 */
typedef struct
{
  void (*head) (AipTunnel *tunnel,
                guint status,
                const AipHeaderView *headers,
                gsize n_headers,
                void *user_data);
  gboolean (*data) (AipTunnel *tunnel, const char *data, gsize length, void *user_data);
  void (*writable) (AipTunnel *tunnel, void *user_data);
  void (*done) (AipTunnel *tunnel, AipFault fault, const char *message, void *user_data);
} AipTunnelFuncs;

AipTunnel *aip_tunnel_new (AipUpstream *upstream,
                           const AipTransferRequest *request,
                           const AipTunnelFuncs *funcs,
                           void *user_data);
gboolean aip_tunnel_send (AipTunnel *self, const char *data, gsize length);
void aip_tunnel_resume (AipTunnel *self);
void aip_tunnel_end (AipTunnel *self);
void aip_tunnel_cancel (AipTunnel *self);

G_END_DECLS
