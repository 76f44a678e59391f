/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-records"

#include "record/aip-records.h"

/* Beyond this share, those of requests that belong to no client make room first: anybody who gets at the port
 * can make as many as he likes of these, and none of the others. */
#define NAMELESS_SHARE 4

struct _AipRecords
{
  guint max_records;
  gsize max_bytes;

  GMutex lock;     /* guards all that follows */
  GQueue records;  /* of AipRequestEvent, by their own links; the oldest one first */
  GQueue nameless; /* those among them that belong to no client, in the same order */
  gsize bytes;
};

/**
 * aip_records_new:
 * @max_records: how many are kept
 * @max_bytes: how much memory they may take, in bytes
 *
 * Returns: (transfer full): no records yet
 */
AipRecords *
aip_records_new (guint max_records, gsize max_bytes)
{
  AipRecords *self = g_new0 (AipRecords, 1);

  self->max_records = max_records;
  self->max_bytes = max_bytes;
  g_mutex_init (&self->lock);
  g_queue_init (&self->records);
  g_queue_init (&self->nameless);
  return self;
}

/**
 * aip_records_get_max:
 * @self: records
 *
 * Returns: how many are kept
 */
guint
aip_records_get_max (const AipRecords *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->max_records;
}

static void
free_list (GList *link)
{
  while (link != NULL)
    {
      AipRequestEvent *event = link->data;

      link = link->next;
      aip_request_event_unref (event);
    }
}

/**
 * aip_records_free:
 * @self: (transfer full): records that no other thread uses any more
 */
void
aip_records_free (AipRecords *self)
{
  g_return_if_fail (self != NULL);

  free_list (self->records.head);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* Returns @displaced with the record before it. */
static GList *
displace (AipRecords *self, AipRequestEvent *event, GList *displaced)
{
  g_queue_unlink (&self->records, &event->link);
  if (event->client == NULL)
    g_queue_unlink (&self->nameless, &event->nameless_link);
  self->bytes -= event->size;
  event->link.next = displaced;
  return &event->link;
}

/* Whose oldest one has to go: strangers, who may be many, do not displace clients beyond their share. */
static GQueue *
choose (AipRecords *self)
{
  return self->nameless.length > MAX (self->max_records / NAMELESS_SHARE, 1) ? &self->nameless
                                                                             : &self->records;
}

/* With the lock held. Returns those that had to make room, to be freed without it. */
static GList *
make_room (AipRecords *self)
{
  GList *displaced = NULL;

  while (self->records.length > self->max_records || self->bytes > self->max_bytes)
    displaced = displace (self, choose (self)->head->data, displaced);
  return displaced;
}

/**
 * aip_records_push:
 * @self: records
 * @event: (transfer full): a request that is over, in no other records
 */
void
aip_records_push (AipRecords *self, AipRequestEvent *event)
{
  GList *displaced;

  g_return_if_fail (self != NULL && event != NULL && event->finished);

  g_mutex_lock (&self->lock);
  g_queue_push_tail_link (&self->records, &event->link);
  if (event->client == NULL)
    g_queue_push_tail_link (&self->nameless, &event->nameless_link);
  self->bytes += event->size;
  displaced = make_room (self);
  g_mutex_unlock (&self->lock);
  free_list (displaced);
}

/**
 * aip_records_purge:
 * @self: records
 *
 * Forgets them all.
 */
void
aip_records_purge (AipRecords *self)
{
  GList *all;

  g_return_if_fail (self != NULL);

  g_mutex_lock (&self->lock);
  all = self->records.head;
  g_queue_init (&self->records);
  g_queue_init (&self->nameless);
  self->bytes = 0;
  g_mutex_unlock (&self->lock);
  free_list (all);
}

/**
 * aip_records_find:
 * @self: records
 * @id: what we or its provider call a request; clients may use one twice
 *
 * Returns: (transfer full) (nullable): the newest one of this id
 */
AipRequestEvent *
aip_records_find (AipRecords *self, const char *id)
{
  g_return_val_if_fail (self != NULL && id != NULL, NULL);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  for (GList *link = self->records.tail; link != NULL; link = link->prev)
    {
      AipRequestEvent *event = link->data;

      if (g_str_equal (event->id, id) || g_strcmp0 (event->upstream_id, id) == 0)
        return aip_request_event_ref (event);
    }
  return NULL;
}

static gboolean
is_wanted (const char *wanted, const char *text)
{
  return wanted == NULL || g_strcmp0 (wanted, text) == 0;
}

static gboolean
matches (const AipRequestEvent *event, const AipRecordFilter *filter)
{
  return is_wanted (filter->client, event->client) && is_wanted (filter->provider, event->provider) &&
         is_wanted (filter->key, event->key) &&
         (is_wanted (filter->model, event->model) || is_wanted (filter->model, event->upstream_model)) &&
         (filter->outcome == AIP_OUTCOME_KIND_NONE || filter->outcome == event->outcome);
}

/**
 * aip_records_search:
 * @self: records
 * @filter: which of them
 *
 * Returns: (transfer full) (element-type AipRequestEvent): those that match, the newest one first
 */
GPtrArray *
aip_records_search (AipRecords *self, const AipRecordFilter *filter)
{
  GPtrArray *found;

  g_return_val_if_fail (self != NULL && filter != NULL, NULL);

  found = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_request_event_unref);

  g_autoptr (GMutexLocker) locker G_GNUC_UNUSED = g_mutex_locker_new (&self->lock);

  for (GList *link = self->records.tail; link != NULL; link = link->prev)
    {
      if (filter->limit > 0 && found->len >= filter->limit)
        break;
      if (matches (link->data, filter))
        g_ptr_array_add (found, aip_request_event_ref (link->data));
    }
  return found;
}
