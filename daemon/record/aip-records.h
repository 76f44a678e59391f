/* SPDX-License-Identifier: MIT */
#pragma once

#include "record/aip-request-event.h"

G_BEGIN_DECLS

/**
 * AipRecords: the last requests that are over, in memory. Bounded in number and in bytes: the oldest ones
 * make room, and those of requests of no client leave most of it to the others. It takes no memory to speak
 * of before the first one. All may be called from any thread.
 */
typedef struct _AipRecords AipRecords;

/**
 * AipRecordFilter: which of them are wanted; what is NULL or 0 does not matter.
 * @client: (nullable)
 * @provider: (nullable): whose answer it was; so is the next
 * @key: (nullable)
 * @model: (nullable): as the client has named it, or as the provider does
 * @outcome: %AIP_OUTCOME_KIND_NONE: any
 * @limit: how many at most; 0: all
 */
typedef struct
{
  const char *client;
  const char *provider;
  const char *key;
  const char *model;
  AipOutcomeKind outcome;
  guint limit;
} AipRecordFilter;

AipRecords *aip_records_new (guint max_records, gsize max_bytes);
void aip_records_free (AipRecords *self);
guint aip_records_get_max (const AipRecords *self);
void aip_records_push (AipRecords *self, AipRequestEvent *event);
void aip_records_purge (AipRecords *self);
AipRequestEvent *aip_records_find (AipRecords *self, const char *id);
GPtrArray *aip_records_search (AipRecords *self, const AipRecordFilter *filter);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (AipRecords, aip_records_free)

G_END_DECLS
