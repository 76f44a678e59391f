/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

#include "base/aip-secret.h"

G_BEGIN_DECLS

/**
 * AipTransfer: one request on its way to an upstream and the answer on its way back; on the thread
 * of its AipUpstream's loop. How it travels (libcurl, or the model inside the daemon) is its maker's affair.
 */
typedef struct _AipTransfer AipTransfer;

typedef enum
{
  AIP_FAULT_NONE,
  AIP_FAULT_RESOLVE, /* the name has no address */
  AIP_FAULT_CONNECT, /* refused, unreachable */
  AIP_FAULT_CONNECT_TIMEOUT,
  AIP_FAULT_TLS,                /* handshake or certificate */
  AIP_FAULT_FIRST_BYTE_TIMEOUT, /* connected, but no answer began */
  AIP_FAULT_IDLE_TIMEOUT,       /* an answer began and stalled */
  AIP_FAULT_TOTAL_TIMEOUT,
  AIP_FAULT_CUT,      /* the connection broke before the answer's end */
  AIP_FAULT_PROTOCOL, /* it does not speak HTTP */
  AIP_FAULT_CANCELLED,
  AIP_FAULT_SHORTAGE, /* we ourselves have no descriptors or memory for it; the upstream was not asked */
} AipFault;

typedef struct
{
  const char *name; /* not 0-terminated, neither is value */
  gsize name_length;
  const char *value;
  gsize value_length;
} AipHeaderView;

/**
 * AipTransferRequest: all borrowed for the length of the start call, but @body, which is referenced.
 * @headers: (array zero-terminated=1): "Name: value" lines, without Host, Content-Length and framing;
 *   copied into memory that is wiped afterwards
 * @body: (nullable): the whole body, or NULL
 * @upload: the body comes piece by piece through AipTransferFuncs.read
 * @upload_length: its length, or -1: unknown, sent chunked
 * @fresh: on a new connection, so that it is sent once, whatever becomes of it
 * All timeouts are milliseconds; 0: none.
 */
typedef struct
{
  const char *method;
  const char *url;
  const char *const *headers;
  GBytes *body;
  gboolean upload;
  gint64 upload_length;
  gboolean fresh;
  guint64 connect_timeout;
  guint64 first_byte_timeout;
  guint64 idle_timeout;
  guint64 total_timeout;
  gboolean verify_tls;
  const char *ca_file; /* (nullable) */
  const char *proxy;   /* (nullable) URL, or "none" */
} AipTransferRequest;

/**
 * AipTransferTimings: microseconds from the start to the end of each phase; 0: did not happen.
 */
typedef struct
{
  gint64 dns;
  gint64 connect;
  gint64 tls;
  gint64 first_byte;
  gint64 total;
} AipTransferTimings;

typedef struct
{
  AipFault fault;
  const char *message; /* for people; holds no secret */
  AipTransferTimings timings;
  gboolean reused;    /* the connection had been used before */
  guint http_major;   /* 1 or 2 */
  guint64 bytes_sent; /* of the body; so is the next */
  guint64 bytes_received;
  gboolean framed; /* the answer's end was announced (length, chunks, HTTP/2), not just EOF */
} AipTransferResult;

/**
 * AipTransferFuncs: what the transfer tells. No function is called from within aip_upstream_start ().
 * Cancelling from within any of them is allowed.
 *
 * @head: the final (not 1xx) answer's status and headers, once, before any body
 * @body: a piece of the answer; FALSE: not taken, no room; it comes again after aip_transfer_resume ()
 * @read: fills @buffer with the next piece of the upload; 0: the end; -1: nothing yet, call
 *   aip_transfer_resume () when there is; -2: the upload is broken, abort
 * @done: the end, always, once, and last; the transfer is gone when it returns. Not after a cancel.
 */
typedef struct
{
  void (*head) (AipTransfer *transfer,
                guint status,
                const AipHeaderView *headers,
                gsize n_headers,
                void *user_data);
  gboolean (*body) (AipTransfer *transfer, const char *data, gsize length, void *user_data);
  gssize (*read) (AipTransfer *transfer, char *buffer, gsize size, void *user_data);
  void (*done) (AipTransfer *transfer, const AipTransferResult *result, void *user_data);
} AipTransferFuncs;

void aip_transfer_resume (AipTransfer *self);
void aip_transfer_cancel (AipTransfer *self);

const char *aip_fault_to_string (AipFault fault);

G_END_DECLS
