/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-activity"

#include "record/aip-activity.h"

/* The source lives as long as somebody watches; workers make it ready, one of them for each batch. */
struct _AipActivity
{
  int watched; /* atomic */
  guint limit;
  AipActivityFunc func; /* (nullable): of the watching thread alone; so is the next */
  void *user_data;

  GMutex lock;       /* guards all that follows */
  GPtrArray *events; /* of AipRequestEvent: not delivered yet */
  guint64 dropped;
  GSource *source; /* (nullable) */
};

typedef struct
{
  GSource source;
  AipActivity *activity; /* (nullable) (not owned): until nobody watches any more */
} Wakeup;

/* --- to the watcher --- */

static GPtrArray *
make_queue (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) aip_request_event_unref);
}

static GPtrArray *
take_events (AipActivity *self, guint64 *dropped)
{
  GPtrArray *fresh = make_queue ();
  GPtrArray *events;

  g_mutex_lock (&self->lock);
  events = self->events;
  self->events = fresh;
  *dropped = self->dropped;
  self->dropped = 0;
  g_mutex_unlock (&self->lock);
  return events;
}

/* The function may end the watching, or free the activity. */
static gboolean
dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  AipActivity *self = ((Wakeup *) source)->activity;
  g_autoptr (GPtrArray) events = NULL;
  guint64 dropped = 0;

  /* Before the events are taken: whoever pushes behind that has to make it ready again. */
  g_source_set_ready_time (source, -1);
  if (self == NULL)
    return G_SOURCE_REMOVE;
  events = take_events (self, &dropped);
  if (events->len > 0)
    self->func (events, dropped, self->user_data);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs wakeup_funcs = { .dispatch = dispatch };

/* --- life --- */

/**
 * aip_activity_new:
 * @limit: how many events wait at most
 *
 * Returns: (transfer full): an activity that nobody watches
 */
AipActivity *
aip_activity_new (guint limit)
{
  g_return_val_if_fail (limit > 0, NULL);

  AipActivity *self = g_new0 (AipActivity, 1);

  self->limit = limit;
  self->events = make_queue ();
  g_mutex_init (&self->lock);
  return self;
}

/**
 * aip_activity_free:
 * @self: (transfer full): an activity that no other thread uses any more
 */
void
aip_activity_free (AipActivity *self)
{
  g_return_if_fail (self != NULL);

  aip_activity_unwatch (self);
  g_ptr_array_unref (self->events);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/**
 * aip_activity_watch:
 * @self: an activity that nobody watches
 * @func: called in this thread's default main context with what has come since it was called last
 * @user_data: for @func
 *
 * There is one watcher at a time; watching and unwatching are for one thread.
 */
void
aip_activity_watch (AipActivity *self, AipActivityFunc func, void *user_data)
{
  g_return_if_fail (self != NULL && func != NULL);
  g_return_if_fail (self->func == NULL);

  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  GSource *source = g_source_new (&wakeup_funcs, sizeof (Wakeup));

  ((Wakeup *) source)->activity = self;
  self->func = func;
  self->user_data = user_data;
  g_source_set_static_name (source, "aip-activity");
  g_source_attach (source, context);
  g_mutex_lock (&self->lock);
  self->source = source;
  g_mutex_unlock (&self->lock);
  __atomic_store_n (&self->watched, TRUE, __ATOMIC_RELAXED);
}

/**
 * aip_activity_unwatch:
 * @self: an activity
 *
 * What was not delivered yet is thrown away; the watcher's function is not called any more. May be called
 * from within it, whose events stay as they are, and where nobody watches.
 */
void
aip_activity_unwatch (AipActivity *self)
{
  g_autoptr (GPtrArray) events = NULL;
  GSource *source;
  guint64 dropped = 0;

  g_return_if_fail (self != NULL);

  __atomic_store_n (&self->watched, FALSE, __ATOMIC_RELAXED);
  g_mutex_lock (&self->lock);
  source = g_steal_pointer (&self->source);
  g_mutex_unlock (&self->lock);
  events = take_events (self, &dropped);
  self->func = NULL;
  if (source == NULL)
    return;
  ((Wakeup *) source)->activity = NULL;
  g_source_destroy (source);
  g_source_unref (source);
}

/* --- from the workers --- */

/**
 * aip_activity_is_watched:
 * @self: (nullable): an activity
 *
 * From any thread. One relaxed load: what it says may be old by the time it is used, and
 * aip_activity_push () looks again.
 *
 * Returns: whether there is anybody to make events for
 */
gboolean
aip_activity_is_watched (AipActivity *self)
{
  return self != NULL && __atomic_load_n (&self->watched, __ATOMIC_RELAXED);
}

/* Returns the source to be made ready, when this is the batch's first event; FALSE in @taken: it was not
 * kept. */
static GSource *
enqueue (AipActivity *self, AipRequestEvent *event, gboolean *taken)
{
  GSource *source = NULL;

  *taken = FALSE;
  g_mutex_lock (&self->lock);
  if (self->source != NULL && self->events->len >= self->limit)
    self->dropped++;
  else if (self->source != NULL)
    {
      source = self->events->len == 0 ? g_source_ref (self->source) : NULL;
      g_ptr_array_add (self->events, event);
      *taken = TRUE;
    }
  g_mutex_unlock (&self->lock);
  return source;
}

/**
 * aip_activity_push:
 * @self: an activity
 * @event: (transfer full): what has happened; thrown away where nobody watches, and counted as dropped where
 *   too many wait
 *
 * From any thread. Events of one thread are delivered in the order in which it has pushed them.
 */
void
aip_activity_push (AipActivity *self, AipRequestEvent *event)
{
  gboolean taken;
  GSource *source;

  g_return_if_fail (self != NULL && event != NULL);

  source = enqueue (self, event, &taken);
  if (!taken)
    aip_request_event_unref (event);
  if (source == NULL)
    return;
  g_source_set_ready_time (source, 0);
  g_source_unref (source);
}
