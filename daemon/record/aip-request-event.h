/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/aip-request-trace.h"
#include "wire/aip-usage-scan.h"

G_BEGIN_DECLS

typedef enum
{
  AIP_OUTCOME_KIND_NONE, /* it is under way */
  AIP_OUTCOME_KIND_SUCCEEDED,
  AIP_OUTCOME_KIND_REFUSED,
  AIP_OUTCOME_KIND_CLIENT_FAULT,
  AIP_OUTCOME_KIND_UPSTREAM_FAULT,
  AIP_OUTCOME_KIND_TRUNCATED,
  AIP_OUTCOME_KIND_CANCELLED,
} AipOutcomeKind;

/**
 * AipRequestEvent: a request has begun, or is over. All strings are (nullable) unless said otherwise, and as
 * clients and providers have sent them, so they need not be valid UTF-8.
 *
 * One on the stack borrows what it points to; aip_request_event_new () makes of it an immutable,
 * reference-counted one that owns it, in one piece of memory. It holds on to nothing else.
 * @finished: whether it is over; what follows it is set only then
 * @id: never NULL
 * @time_us: when it began, microseconds since the epoch
 * @upstream_id: what the provider calls it, which is what a client sees that gets the provider's answer
 * @first_byte_us: from its head to the first byte of its answer; negative: there was none
 * @trace: NULL: there was no plan for it
 */
typedef struct
{
  gboolean finished;
  gboolean stream;
  const char *id;
  gint64 time_us;
  const char *client;
  const char *method;
  const char *path;
  const char *model;

  AipOutcomeKind outcome;
  guint status;
  const char *upstream_id;
  const char *provider;
  const char *key;
  const char *upstream_model;
  guint attempts;
  gint64 first_byte_us;
  gint64 duration_us;
  guint64 bytes_in;
  guint64 bytes_out;
  AipUsage usage;
  const AipRequestTrace *trace;

  /* Private. */
  gatomicrefcount refs;
  guint size;
  GList link; /* of AipRecords; so is the next */
  GList nameless_link;
} AipRequestEvent;

AipRequestEvent *aip_request_event_new (const AipRequestEvent *draft);
AipRequestEvent *aip_request_event_ref (AipRequestEvent *self);
void aip_request_event_unref (AipRequestEvent *self);

const char *aip_outcome_kind_to_string (AipOutcomeKind outcome);
AipOutcomeKind aip_outcome_kind_from_string (const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRequestEvent, aip_request_event_unref)

G_END_DECLS
