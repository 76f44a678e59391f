/* SPDX-License-Identifier: MIT */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * AipFaultClass: what an attempt's end means for the key, and for what happens next.
 * @AIP_FAULT_CLASS_NONE: it was served
 * @AIP_FAULT_CLASS_TRANSIENT: the upstream or the way to it has failed; may pass by itself
 * @AIP_FAULT_CLASS_RATE_LIMITED: too many requests or tokens for now
 * @AIP_FAULT_CLASS_AUTH: the key itself is refused
 * @AIP_FAULT_CLASS_BILLING: the account has no money or quota left
 * @AIP_FAULT_CLASS_CLIENT: the request is wrong, whoever gets it
 * @AIP_FAULT_CLASS_CONTEXT_LENGTH: the request is too long for this model
 * @AIP_FAULT_CLASS_MODEL_MISSING: this provider or account does not have what was asked for
 * @AIP_FAULT_CLASS_CANCELLED: the client left, or the daemon gave up; it says nothing of the key
 */
typedef enum
{
  AIP_FAULT_CLASS_NONE,
  AIP_FAULT_CLASS_TRANSIENT,
  AIP_FAULT_CLASS_RATE_LIMITED,
  AIP_FAULT_CLASS_AUTH,
  AIP_FAULT_CLASS_BILLING,
  AIP_FAULT_CLASS_CLIENT,
  AIP_FAULT_CLASS_CONTEXT_LENGTH,
  AIP_FAULT_CLASS_MODEL_MISSING,
  AIP_FAULT_CLASS_CANCELLED,
  AIP_N_FAULT_CLASSES,
} AipFaultClass;

/**
 * AipTransportFault: what went wrong on the way, if anything.
 * @AIP_TRANSPORT_CONNECT: no address, refused, unreachable, TLS
 * @AIP_TRANSPORT_TIMEOUT: connect, first byte, stall or total
 * @AIP_TRANSPORT_CUT: the answer broke off
 * @AIP_TRANSPORT_PROTOCOL: it does not speak HTTP, or a stream that is none
 */
typedef enum
{
  AIP_TRANSPORT_OK,
  AIP_TRANSPORT_CONNECT,
  AIP_TRANSPORT_TIMEOUT,
  AIP_TRANSPORT_CUT,
  AIP_TRANSPORT_PROTOCOL,
  AIP_TRANSPORT_CANCELLED,
} AipTransportFault;

/**
 * AipFaultInput: all that is known about the end of one attempt. Nothing in it is trusted.
 * @transport: the first thing that went wrong on the way; it counts for more than @status, unless that is an
 *   error with a whole body
 * @status: HTTP status; 0: none came
 * @content_type: (nullable) (not 0-terminated): so is the body
 * @body: (nullable): the answer's body, or the data of its first event; whole, or what there is of it. Only
 *   errors and answers that should have been JSON need it
 * @retry_after_us: from the answer's headers, microseconds; -1: not said
 * @names_model: the request names a model, so that a 404 is about that
 */
typedef struct
{
  AipTransportFault transport;
  guint status;
  const char *content_type;
  gsize content_type_length;
  const char *body;
  gsize body_length;
  gint64 retry_after_us;
  gboolean names_model;
} AipFaultInput;

#define AIP_FAULT_CODE_SIZE 64

/**
 * AipFaultSigns: the same after the first stage, in one form for all providers.
 * @code: what the provider calls it, lower case: "insufficient_quota", "resource_exhausted"; "baidu-18" is
 *   Baidu's error_code 18; empty: nothing
 * @type: its other name for it: "invalid_request_error"
 * @hints: mask of (1 << AipFaultClass) that the message's text speaks for
 * @is_error: the body is an error object, whatever the status
 * @html: the body is a web page
 * @retry_after_us: microseconds, from the header or the body; -1: not said
 */
typedef struct
{
  AipTransportFault transport;
  guint status;
  char code[AIP_FAULT_CODE_SIZE];
  char type[AIP_FAULT_CODE_SIZE];
  guint hints;
  gboolean is_error;
  gboolean html;
  gboolean names_model;
  gint64 retry_after_us;
} AipFaultSigns;

/**
 * AipFaultVerdict: the second stage's word.
 * @reason: static text for people, without anything of the provider's: "the upstream failed"
 * @status: HTTP status; 0: none came
 * @retry_after_us: microseconds; -1: not said
 */
typedef struct
{
  AipFaultClass fault_class;
  const char *reason;
  guint status;
  gint64 retry_after_us;
} AipFaultVerdict;

void aip_fault_normalise (const AipFaultInput *input, AipFaultSigns *signs);
AipFaultVerdict aip_fault_judge (const AipFaultSigns *signs);
AipFaultVerdict aip_fault_classify (const AipFaultInput *input);

gboolean aip_fault_class_counts (AipFaultClass fault_class);
gboolean aip_fault_class_fails_over (AipFaultClass fault_class);
gboolean aip_fault_class_opens (AipFaultClass fault_class);
const char *aip_fault_class_to_string (AipFaultClass fault_class);
const char *aip_fault_class_get_reason (AipFaultClass fault_class);

G_END_DECLS
