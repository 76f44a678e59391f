/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include <string.h>

#include "record/aip-activity.h"

#define N_PRODUCERS 4u
#define N_EVENTS 20000u

typedef struct
{
  AipActivity *activity;
  GString *seen; /* "ID ID / ID": a slash behind each batch */
  guint64 dropped;
  guint n_events;
  guint n_batches;
  guint biggest;
  gboolean unwatches;
  gboolean frees;
  guint64 next[N_PRODUCERS]; /* of each producer: the least number that may come */
} Watcher;

static AipRequestEvent *
make_event (const char *id)
{
  return aip_request_event_new (&(AipRequestEvent){ .id = id, .client = "client", .method = "POST" });
}

static void
push (AipActivity *activity, const char *ids)
{
  g_auto (GStrv) parts = g_strsplit (ids, " ", -1);

  for (gsize i = 0; parts[i] != NULL; i++)
    aip_activity_push (activity, make_event (parts[i]));
}

static void
events_cb (GPtrArray *events, guint64 dropped, void *user_data)
{
  Watcher *self = user_data;

  g_assert_cmpuint (events->len, >, 0);
  if (self->unwatches)
    aip_activity_unwatch (self->activity);
  if (self->frees)
    g_clear_pointer (&self->activity, aip_activity_free);
  for (guint i = 0; i < events->len; i++)
    g_string_append_printf (self->seen, "%s ", ((AipRequestEvent *) events->pdata[i])->id);
  g_string_append_c (self->seen, '/');
  self->dropped += dropped;
  self->n_batches++;
}

static void
settle (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
watcher_init (Watcher *self, guint limit)
{
  *self = (Watcher){ .activity = aip_activity_new (limit), .seen = g_string_new (NULL) };
}

static void
watcher_clear (Watcher *self)
{
  g_clear_pointer (&self->activity, aip_activity_free);
  settle ();
  g_string_free (self->seen, TRUE);
}

static void
test_nobody (void)
{
  Watcher watcher;

  watcher_init (&watcher, 3);
  g_assert_false (aip_activity_is_watched (NULL));
  g_assert_false (aip_activity_is_watched (watcher.activity));
  push (watcher.activity, "a b c d e");
  aip_activity_unwatch (watcher.activity);

  /* What came before is not shown, nor counted as dropped. */
  aip_activity_watch (watcher.activity, events_cb, &watcher);
  g_assert_true (aip_activity_is_watched (watcher.activity));
  settle ();
  g_assert_cmpstr (watcher.seen->str, ==, "");
  push (watcher.activity, "f");
  settle ();
  g_assert_cmpstr (watcher.seen->str, ==, "f /");
  g_assert_cmpuint (watcher.dropped, ==, 0);
  watcher_clear (&watcher);
}

static void
test_batches (void)
{
  Watcher watcher;

  watcher_init (&watcher, 10);
  aip_activity_watch (watcher.activity, events_cb, &watcher);
  push (watcher.activity, "a b c");
  settle ();
  g_assert_cmpstr (watcher.seen->str, ==, "a b c /");
  push (watcher.activity, "d");
  push (watcher.activity, "e");
  settle ();
  g_assert_cmpstr (watcher.seen->str, ==, "a b c /d e /");
  g_assert_false (g_main_context_pending (NULL));
  watcher_clear (&watcher);
}

static void
test_bound (void)
{
  Watcher watcher;

  watcher_init (&watcher, 3);
  aip_activity_watch (watcher.activity, events_cb, &watcher);
  push (watcher.activity, "a b c d e");
  settle ();
  g_assert_cmpstr (watcher.seen->str, ==, "a b c /");
  g_assert_cmpuint (watcher.dropped, ==, 2);
  push (watcher.activity, "f g h");
  settle ();
  g_assert_cmpstr (watcher.seen->str, ==, "a b c /f g h /");
  g_assert_cmpuint (watcher.dropped, ==, 2);
  watcher_clear (&watcher);
}

static void
test_unwatch (void)
{
  Watcher watcher;

  watcher_init (&watcher, 3);
  aip_activity_watch (watcher.activity, events_cb, &watcher);
  push (watcher.activity, "a b c d");
  aip_activity_unwatch (watcher.activity);
  g_assert_false (aip_activity_is_watched (watcher.activity));
  settle ();
  g_assert_cmpstr (watcher.seen->str, ==, "");
  aip_activity_watch (watcher.activity, events_cb, &watcher);
  push (watcher.activity, "e");
  settle ();
  g_assert_cmpstr (watcher.seen->str, ==, "e /");
  g_assert_cmpuint (watcher.dropped, ==, 0);
  watcher_clear (&watcher);
}

/* The batch under way is whole, whatever its reader does. */
static void
test_unwatch_inside (void)
{
  Watcher watcher;

  watcher_init (&watcher, 10);
  watcher.unwatches = TRUE;
  aip_activity_watch (watcher.activity, events_cb, &watcher);
  push (watcher.activity, "a b c");
  settle ();
  push (watcher.activity, "d");
  settle ();
  g_assert_cmpstr (watcher.seen->str, ==, "a b c /");
  watcher.unwatches = FALSE;
  aip_activity_watch (watcher.activity, events_cb, &watcher);
  push (watcher.activity, "e");
  settle ();
  g_assert_cmpstr (watcher.seen->str, ==, "a b c /e /");
  watcher_clear (&watcher);
}

static void
test_free_inside (void)
{
  Watcher watcher;

  watcher_init (&watcher, 10);
  watcher.frees = TRUE;
  aip_activity_watch (watcher.activity, events_cb, &watcher);
  push (watcher.activity, "a b");
  settle ();
  g_assert_cmpstr (watcher.seen->str, ==, "a b /");
  g_assert_null (watcher.activity);
  watcher_clear (&watcher);
}

static void
test_other_context (void)
{
  Watcher watcher;
  GMainContext *context = g_main_context_new ();

  watcher_init (&watcher, 10);
  g_main_context_push_thread_default (context);
  aip_activity_watch (watcher.activity, events_cb, &watcher);
  push (watcher.activity, "a");
  settle ();
  g_assert_cmpstr (watcher.seen->str, ==, "");
  g_assert_true (g_main_context_iteration (context, FALSE));
  g_assert_cmpstr (watcher.seen->str, ==, "a /");
  g_clear_pointer (&watcher.activity, aip_activity_free);
  g_main_context_pop_thread_default (context);
  g_main_context_unref (context);
  watcher_clear (&watcher);
}

/* --- several threads --- */

typedef struct
{
  AipActivity *activity;
  guint index;
} Producer;

static gpointer
produce (gpointer data)
{
  Producer *self = data;

  for (guint i = 0; i < N_EVENTS; i++)
    {
      AipRequestEvent *event = make_event ("x");

      event->status = self->index;
      event->bytes_in = i;
      aip_activity_push (self->activity, event);
    }
  return NULL;
}

static void
count_cb (GPtrArray *events, guint64 dropped, void *user_data)
{
  Watcher *self = user_data;

  for (guint i = 0; i < events->len; i++)
    {
      const AipRequestEvent *event = g_ptr_array_index (events, i);

      g_assert_cmpuint (event->bytes_in, >=, self->next[event->status]);
      self->next[event->status] = event->bytes_in + 1;
    }
  self->n_events += events->len;
  self->biggest = MAX (self->biggest, events->len);
  self->dropped += dropped;
  self->n_batches++;
}

static void
start (Watcher *self, Producer *producers, GThread **threads)
{
  for (guint i = 0; i < N_PRODUCERS; i++)
    {
      producers[i] = (Producer){ self->activity, i };
      threads[i] = g_thread_new ("producer", produce, &producers[i]);
    }
}

static void
join (GThread **threads)
{
  for (guint i = 0; i < N_PRODUCERS; i++)
    g_thread_join (threads[i]);
}

/* Each event is delivered once, in its producer's order, or counted as dropped. */
static void
test_threads (void)
{
  Watcher watcher;
  Producer producers[N_PRODUCERS];
  GThread *threads[N_PRODUCERS];

  watcher_init (&watcher, 100);
  aip_activity_watch (watcher.activity, count_cb, &watcher);
  start (&watcher, producers, threads);
  while (watcher.n_events + watcher.dropped < N_EVENTS)
    g_main_context_iteration (NULL, TRUE);
  join (threads);
  settle ();
  g_assert_cmpuint (watcher.n_events + watcher.dropped, ==, N_PRODUCERS * N_EVENTS);
  g_assert_cmpuint (watcher.biggest, <=, 100);
  watcher_clear (&watcher);
}

/* Watching comes and goes while events are pushed; nothing is delivered to nobody, or held back. */
static void
test_threads_and_watchers (void)
{
  Watcher watcher;
  Producer producers[N_PRODUCERS];
  GThread *threads[N_PRODUCERS];

  watcher_init (&watcher, 100);
  start (&watcher, producers, threads);
  for (guint i = 0; i < 2000; i++)
    {
      aip_activity_watch (watcher.activity, count_cb, &watcher);
      g_main_context_iteration (NULL, FALSE);
      aip_activity_unwatch (watcher.activity);
      g_assert_false (aip_activity_is_watched (watcher.activity));
    }
  join (threads);
  settle ();
  g_assert_cmpuint (watcher.n_events + watcher.dropped, <=, N_PRODUCERS * N_EVENTS);
  memset (watcher.next, 0, sizeof watcher.next);
  watcher.n_events = 0;
  aip_activity_watch (watcher.activity, count_cb, &watcher);
  push (watcher.activity, "a");
  settle ();
  g_assert_cmpuint (watcher.n_events, ==, 1);
  watcher_clear (&watcher);
}

static void
test_outcomes (void)
{
  static const char *const names[] = { "none",           "succeeded", "refused",  "client-fault",
                                       "upstream-fault", "truncated", "cancelled" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_cmpstr (aip_outcome_kind_to_string ((AipOutcomeKind) i), ==, names[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/activity/nobody", test_nobody);
  g_test_add_func ("/activity/batches", test_batches);
  g_test_add_func ("/activity/bound", test_bound);
  g_test_add_func ("/activity/unwatch", test_unwatch);
  g_test_add_func ("/activity/unwatch-inside", test_unwatch_inside);
  g_test_add_func ("/activity/free-inside", test_free_inside);
  g_test_add_func ("/activity/other-context", test_other_context);
  g_test_add_func ("/activity/threads", test_threads);
  g_test_add_func ("/activity/threads-and-watchers", test_threads_and_watchers);
  g_test_add_func ("/activity/outcomes", test_outcomes);

  return g_test_run ();
}
