/* SPDX-License-Identifier: MIT */
#pragma once

#include "upstream/aip-answer-head.h"
#include "upstream/aip-header-list.h"
#include "upstream/aip-upstream-private.h"

G_BEGIN_DECLS

typedef struct _AipTransferCurl AipTransferCurl;

/**
 * AipEasy: one easy handle of libcurl, configured once and used for one request after another. What
 * seldom differs between two requests is remembered and set only when it does.
 * @transfer: (nullable): whom it serves now
 * @tunnel: (nullable): the same, when it only has to connect
 * @headers: of the current request; holds the key
 * @socket_errno: why it got no socket for the current request; 0: it was not refused one
 * @head: the current answer's head; here so that its memory is used again
 */
struct _AipEasy
{
  CURL *handle;
  AipTransfer *transfer;
  AipTunnel *tunnel;
  AipHeaderList headers;
  AipAnswerHead head;
  char error[CURL_ERROR_SIZE];
  AipUpstream *upstream;
  int socket_errno;

  CURLU *parts; /* of url */
  char *url;
  gboolean https;
  gboolean fresh;
  gboolean verify_tls;
  guint64 connect_timeout;
  char *ca_file;
  char *proxy;
};

AipEasy *aip_easy_new (AipUpstream *upstream);
void aip_easy_free (AipEasy *self);
AipEasy *aip_easy_from_handle (CURL *handle);
CURLcode aip_easy_prepare (AipEasy *self, const AipTransferRequest *request);
CURLcode aip_easy_prepare_tunnel (AipEasy *self, const AipTransferRequest *request);
CURLcode aip_easy_set_fresh (AipEasy *self, gboolean fresh);
void aip_easy_recycle (AipEasy *self);

/* in aip-transfer-curl.c: libcurl's callbacks; the user data is the AipEasy */
size_t aip_transfer_curl_header_cb (char *data, size_t size, size_t n, void *user_data);
size_t aip_transfer_curl_write_cb (char *data, size_t size, size_t n, void *user_data);
size_t aip_transfer_curl_read_cb (char *buffer, size_t size, size_t n, void *user_data);
int aip_transfer_curl_seek_cb (void *user_data, curl_off_t offset, int origin);

G_END_DECLS
