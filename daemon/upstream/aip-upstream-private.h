/* SPDX-License-Identifier: MIT */
#pragma once

#include <curl/curl.h>

#include "upstream/aip-transfer-private.h"
#include "upstream/aip-tunnel.h"
#include "upstream/aip-upstream.h"

G_BEGIN_DECLS

typedef struct _AipEasy AipEasy;

struct _AipUpstream
{
  AipLoop *loop;
  CURLM *multi;
  GHashTable *sockets; /* descriptor -> AipSocket */

  AipTimer timer; /* libcurl's next deadline */
  AipIdle idle;   /* the same when that is now */
  gboolean in_timeout;

  GQueue running; /* of AipTransfer */
  GQueue tunnels; /* of AipTunnel */
  GPtrArray *easies;
  guint depth;     /* of libcurl on the stack: it must not be told to drop a handle then */
  GPtrArray *dead; /* cancelled in the meantime */
};

void aip_upstream_enter (AipUpstream *self);
void aip_upstream_leave (AipUpstream *self);
AipEasy *aip_upstream_take_easy (AipUpstream *self);
void aip_upstream_return_easy (AipUpstream *self, AipEasy *easy);

void aip_upstream_forget_socket (AipUpstream *self, int fd);

curl_socket_t
aip_upstream_open_socket_cb (void *user_data, curlsocktype purpose, struct curl_sockaddr *address);
int aip_upstream_close_socket_cb (void *user_data, curl_socket_t fd);

/* in aip-transfer-curl.c */
AipTransfer *aip_transfer_curl_new (AipUpstream *upstream,
                                    const AipTransferRequest *request,
                                    const AipTransferFuncs *funcs,
                                    void *user_data);
void aip_transfer_curl_finish (AipTransfer *transfer, CURLcode code);
void aip_transfer_curl_free (AipTransfer *transfer);
gboolean aip_transfer_curl_is_held_up (AipTransfer *transfer);

/* in aip-tunnel.c */
void aip_tunnel_connected (AipTunnel *self, CURLcode code);
void aip_tunnel_free (AipTunnel *self);

/* in aip-transfer-builtin.c */
AipTransfer *aip_transfer_builtin_new (AipUpstream *upstream,
                                       const char *method,
                                       const char *endpoint,
                                       GBytes *body,
                                       const AipTransferFuncs *funcs,
                                       void *user_data);

G_END_DECLS
