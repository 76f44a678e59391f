/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "aip-discovery.h"

#include "../policy/policy-config.h"
#include "../upstream/raw-server.h"
#include "base/aip-clock.h"
#include "routing/aip-router.h"
#include "upstream/aip-upstream.h"

#define HOUR (60 * 60 * G_TIME_SPAN_SECOND)
#define FRESH_FOR (5 * 60 * G_TIME_SPAN_SECOND)
#define RETRY_AFTER (30 * G_TIME_SPAN_SECOND)

typedef struct
{
  RawServer *server;
  AipDiscovery *discovery;
  gint n_asked;   /* atomic */
  gint is_broken; /* atomic */
  guint n_changed;
} Fixture;

/* The n-th answer names the model "m-n". */
static void
serve_cb (RawPeer *peer, void *user_data)
{
  Fixture *self = user_data;

  for (;;)
    {
      g_autofree char *request = raw_peer_read_request (peer);
      g_autofree char *body = NULL;
      g_autofree char *answer = NULL;

      if (request == NULL)
        return;
      body = g_strdup_printf ("{\"object\":\"list\",\"data\":[{\"id\":\"m-%d\",\"object\":\"model\"}]}",
                              g_atomic_int_add (&self->n_asked, 1) + 1);
      answer = g_strdup_printf (
          "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
          g_atomic_int_get (&self->is_broken) ? "500 Broken" : "200 OK", strlen (body), body);
      raw_peer_send (peer, answer);
    }
}

static AipSecret *
get_secret (const AipKeyConfig *key, void *user_data)
{
  return NULL;
}

static void
changed_cb (void *user_data)
{
  ((Fixture *) user_data)->n_changed++;
}

static void
set_up (Fixture *self)
{
  g_autofree char *url = NULL;
  g_autofree char *text = NULL;
  g_autoptr (AipConfig) config = NULL;

  *self = (Fixture){ 0 };
  self->server = raw_server_new (serve_cb, self);
  url = raw_server_dup_url (self->server, "/v1");
  text = g_strdup_printf ("[provider p]\nbase-url=%s\nproxy=none\n", url);
  config = parse_config (text);
  aip_clock_set_fake (HOUR, HOUR);
  self->discovery = aip_discovery_new (get_secret, changed_cb, self);
  aip_discovery_set_config (self->discovery, config);
}

static void
tear_down (Fixture *self)
{
  aip_discovery_free (self->discovery);
  raw_server_free (self->server);
  aip_clock_unset_fake ();
}

/* Asks whoever is due at @now, and waits until all of @n questions so far were answered. */
static void
refresh_at (Fixture *self, gint64 now, guint n)
{
  aip_clock_set_fake (now, now);
  aip_discovery_refresh (self->discovery);
  while (self->n_changed < n)
    g_main_context_iteration (NULL, TRUE);
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_assert_cmpuint (self->n_changed, ==, n);
}

static const char *
get_model (Fixture *self)
{
  const GPtrArray *lists = aip_discovery_get_lists (self->discovery);

  g_assert_cmpuint (lists->len, ==, 1);
  return ((const AipDiscovered *) g_ptr_array_index (lists, 0))->models[0];
}

/* A list is asked for again when it is five minutes old, and not before. */
static void
test_renewal (void)
{
  Fixture self;

  set_up (&self);
  g_assert_false (aip_discovery_is_complete (self.discovery));
  refresh_at (&self, HOUR, 1);
  g_assert_true (aip_discovery_is_complete (self.discovery));
  g_assert_cmpstr (get_model (&self), ==, "m-1");
  refresh_at (&self, HOUR + FRESH_FOR - 1, 1);
  refresh_at (&self, HOUR + FRESH_FOR, 2);
  g_assert_cmpstr (get_model (&self), ==, "m-2");
  refresh_at (&self, HOUR + 2 * FRESH_FOR - 1, 2);
  refresh_at (&self, HOUR + 2 * FRESH_FOR, 3);
  g_assert_cmpint (g_atomic_int_get (&self.n_asked), ==, 3);
  tear_down (&self);
}

/* What is known holds on; the next question comes sooner. */
static void
test_failure (void)
{
  Fixture self;
  gint64 failed = HOUR + FRESH_FOR;

  set_up (&self);
  refresh_at (&self, HOUR, 1);
  g_atomic_int_set (&self.is_broken, TRUE);
  refresh_at (&self, failed, 2);
  g_assert_cmpstr (get_model (&self), ==, "m-1");
  refresh_at (&self, failed + RETRY_AFTER - 1, 2);
  g_atomic_int_set (&self.is_broken, FALSE);
  refresh_at (&self, failed + RETRY_AFTER, 3);
  g_assert_cmpstr (get_model (&self), ==, "m-3");
  g_assert_cmpint (g_atomic_int_get (&self.n_asked), ==, 3);
  tear_down (&self);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_assert_true (aip_upstream_global_init (NULL));

  g_test_add_func ("/daemon/discovery/renewal", test_renewal);
  g_test_add_func ("/daemon/discovery/failure", test_failure);

  return g_test_run ();
}
