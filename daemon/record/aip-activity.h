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
 * AipRequestEvent: a request has begun, or is over. All strings are owned, valid UTF-8, and (nullable) unless
 * said otherwise.
 * @finished: whether it is over; what follows it is set only then
 * @id: never NULL
 * @time_us: when it began, microseconds since the epoch
 * @first_byte_us: from its head to the first byte of its answer; negative: there was none, or nobody watched
 *   when the request began
 * @trace: NULL: there was no plan for it, or nobody watched when the request began
 */
typedef struct
{
  gboolean finished;
  char *id;
  gint64 time_us;
  char *client;
  char *method;
  char *path;
  char *model;
  gboolean stream;

  AipOutcomeKind outcome;
  guint status;
  char *provider;
  char *key;
  char *upstream_model;
  guint attempts;
  gint64 first_byte_us;
  gint64 duration_us;
  guint64 bytes_in;
  guint64 bytes_out;
  AipUsage usage;
  AipRequestTrace *trace;
} AipRequestEvent;

void aip_request_event_free (AipRequestEvent *event);
const char *aip_outcome_kind_to_string (AipOutcomeKind outcome);

/**
 * AipActivity: takes events from the workers to the main thread while someone watches. Bounded: what comes
 * too fast is dropped and counted, and no worker ever waits.
 */
typedef struct _AipActivity AipActivity;

/* @events: (element-type AipRequestEvent): in the order they came; owned by the caller
 * @dropped: events lost since the last call */
typedef void (*AipActivityFunc) (GPtrArray *events, guint64 dropped, void *user_data);

AipActivity *aip_activity_new (guint limit);
void aip_activity_free (AipActivity *self);
void aip_activity_watch (AipActivity *self, AipActivityFunc func, void *user_data);
void aip_activity_unwatch (AipActivity *self);
gboolean aip_activity_is_watched (AipActivity *self);
void aip_activity_push (AipActivity *self, AipRequestEvent *event);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRequestEvent, aip_request_event_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipActivity, aip_activity_free)

G_END_DECLS
