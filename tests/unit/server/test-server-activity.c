/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include <string.h>

#include "server-bench.h"

#define CHAT "/v1/chat/completions"
#define ASK(model) "{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define STREAM(model)                                                                                        \
  "{\"model\":\"" model "\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define TEXT_EVENTS "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
#define JSON                                                                                                 \
  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 58\r\n\r\n"                          \
  "{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":11}}      "

typedef struct
{
  ServerBench bench;
  GPtrArray *events; /* of AipRequestEvent */
  Peer *client;      /* (nullable); so is the next */
  Peer *upstream;
} Fixture;

static void
events_cb (GPtrArray *events, guint64 dropped, void *user_data)
{
  Fixture *self = user_data;

  g_assert_cmpuint (dropped, ==, 0);
  g_ptr_array_set_free_func (events, NULL);
  for (guint i = 0; i < events->len; i++)
    g_ptr_array_add (self->events, events->pdata[i]);
}

static void
watch (Fixture *self)
{
  aip_activity_watch (self->bench.activity, events_cb, self);
}

static void
set_up (Fixture *self)
{
  *self = (Fixture){ 0 };
  server_bench_init (&self->bench);
  self->events = g_ptr_array_new_with_free_func ((GDestroyNotify) aip_request_event_unref);
}

/* A client whose request has come to the upstream, and somebody who watches. */
static void
set_up_request (Fixture *self, const char *headers, const char *body)
{
  set_up (self);
  watch (self);
  self->client = server_bench_connect (&self->bench);
  peer_post (self->client, CHAT, headers, body);
  self->upstream = server_bench_accept (&self->bench);
}

static void
tear_down (Fixture *self)
{
  g_clear_pointer (&self->client, peer_close);
  g_clear_pointer (&self->upstream, peer_close);
  server_bench_clear (&self->bench);
  g_ptr_array_unref (self->events);
}

static void
wait_for (Fixture *self, guint n)
{
  while (self->events->len < n)
    g_main_context_iteration (NULL, TRUE);
}

/* The next pair: a request that has begun and is over. */
static const AipRequestEvent *
take_pair (Fixture *self, AipRequestEvent **start)
{
  AipRequestEvent *end;

  wait_for (self, 2);
  g_assert_cmpuint (self->events->len, ==, 2);
  *start = self->events->pdata[0];
  end = self->events->pdata[1];
  g_assert_false ((*start)->finished);
  g_assert_cmpint ((*start)->outcome, ==, AIP_OUTCOME_KIND_NONE);
  g_assert_true (end->finished);
  g_assert_cmpstr (end->id, ==, (*start)->id);
  g_assert_cmpint (end->time_us, ==, (*start)->time_us);
  g_assert_cmpstr (end->client, ==, (*start)->client);
  g_assert_cmpstr (end->method, ==, (*start)->method);
  g_assert_cmpstr (end->path, ==, (*start)->path);
  g_assert_cmpstr (end->model, ==, (*start)->model);
  g_assert_cmpint (end->stream, ==, (*start)->stream);
  return end;
}

static void
check_times (const AipRequestEvent *event)
{
  g_assert_cmpint (event->time_us, <=, g_get_real_time ());
  g_assert_cmpint (event->time_us, >, g_get_real_time () - 600 * G_TIME_SPAN_SECOND);
  g_assert_cmpint (event->first_byte_us, >=, 0);
  g_assert_cmpint (event->duration_us, >=, event->first_byte_us);
}

static void
check_attempt (const AipRequestEvent *event, const char *provider, const char *model, guint attempts)
{
  g_autofree char *key = provider != NULL ? g_strconcat (provider, "-key", NULL) : NULL;

  g_assert_cmpstr (event->provider, ==, provider);
  g_assert_cmpstr (event->key, ==, key);
  g_assert_cmpstr (event->upstream_model, ==, model);
  g_assert_cmpuint (event->attempts, ==, attempts);
}

static void
test_plain (void)
{
  Fixture fixture;
  AipRequestEvent *start;
  const AipRequestEvent *end;

  set_up_request (&fixture, "X-Request-Id: mine\r\nAuthorization: Bearer " TOKEN "\r\n", ASK ("alias"));
  wait_for (&fixture, 1);
  peer_say (fixture.upstream, JSON);
  peer_hear_answer (fixture.client, "200", "usage");

  end = take_pair (&fixture, &start);
  g_assert_cmpstr (start->id, ==, "mine");
  g_assert_cmpstr (start->client, ==, "tester");
  g_assert_cmpstr (start->method, ==, "POST");
  g_assert_cmpstr (start->path, ==, CHAT);
  g_assert_cmpstr (start->model, ==, "alias");
  g_assert_false (start->stream);
  g_assert_cmpint (end->outcome, ==, AIP_OUTCOME_KIND_SUCCEEDED);
  g_assert_cmpuint (end->status, ==, 200);
  check_attempt (end, "up", "m", 1);
  check_times (end);
  g_assert_cmpuint (end->bytes_in, ==, strlen (ASK ("alias")));
  g_assert_cmpuint (end->bytes_out, ==, 58);
  g_assert_true (end->usage.known);
  g_assert_cmpuint (end->usage.input_tokens, ==, 7);
  g_assert_cmpuint (end->usage.output_tokens, ==, 11);
  tear_down (&fixture);
}

/* The first candidate cannot be reached. */
static void
test_second_attempt (void)
{
  Fixture fixture;
  AipRequestEvent *start;

  set_up_request (&fixture, "", ASK ("later"));
  peer_say (fixture.upstream, JSON);
  peer_hear_answer (fixture.client, "200", "usage");
  check_attempt (take_pair (&fixture, &start), "up", "later", 2);
  tear_down (&fixture);
}

static void
test_stream (void)
{
  static const char event[] = "data: {\"choices\":[{\"text\":\"a\"}]}\n\n";
  Fixture fixture;
  AipRequestEvent *start;
  const AipRequestEvent *end;

  set_up_request (&fixture, "", STREAM ("m"));
  peer_say (fixture.upstream, TEXT_EVENTS);
  peer_say (fixture.upstream, event);
  peer_hear (fixture.client, event);
  g_clear_pointer (&fixture.upstream, peer_close);
  peer_hear (fixture.client, "\r\n0\r\n\r\n");
  end = take_pair (&fixture, &start);
  g_assert_true (start->stream);
  g_assert_cmpint (end->outcome, ==, AIP_OUTCOME_KIND_TRUNCATED);
  g_assert_cmpuint (end->status, ==, 502);
  g_assert_cmpuint (end->bytes_out, ==, strlen (event));
  g_assert_false (end->usage.known);
  check_times (end);
  g_assert_cmpuint (server_bench_count (&fixture.bench, AIP_COUNT_TRUNCATED), ==, 1);
  g_assert_cmpuint (server_bench_count (&fixture.bench, AIP_COUNT_UPSTREAM_FAULTS), ==, 1);
  tear_down (&fixture);
}

static void
check_fault (const char *answer, const char *status, AipOutcomeKind outcome)
{
  Fixture fixture;
  AipRequestEvent *start;
  const AipRequestEvent *end;

  set_up_request (&fixture, "", ASK ("m"));
  if (answer != NULL)
    peer_say (fixture.upstream, answer);
  else
    g_clear_pointer (&fixture.upstream, peer_close);
  peer_hear_answer (fixture.client, status, "");
  end = take_pair (&fixture, &start);
  g_assert_cmpint (end->outcome, ==, outcome);
  g_assert_cmpuint (end->status, ==, g_ascii_strtoull (status, NULL, 10));
  g_assert_cmpuint (end->bytes_out, >, 0);
  check_attempt (end, "up", "m", 1);
  check_times (end);
  tear_down (&fixture);
}

static void
test_faults (void)
{
  check_fault ("HTTP/1.1 400 Bad\r\nContent-Length: 2\r\n\r\n{}", "400", AIP_OUTCOME_KIND_CLIENT_FAULT);
  check_fault ("HTTP/1.1 500 Bad\r\nContent-Length: 2\r\n\r\n{}", "500", AIP_OUTCOME_KIND_UPSTREAM_FAULT);
  check_fault (NULL, "502", AIP_OUTCOME_KIND_UPSTREAM_FAULT);
}

static void
check_refused (const char *request, const char *status, const char *client_name, const char *model)
{
  Fixture fixture;
  AipRequestEvent *start;
  const AipRequestEvent *end;

  set_up (&fixture);
  watch (&fixture);
  g_autoptr (Peer) client = server_bench_connect (&fixture.bench);
  peer_say (client, request);
  peer_hear_answer (client, status, "\"error\"");
  end = take_pair (&fixture, &start);
  g_assert_cmpint (end->outcome, ==, AIP_OUTCOME_KIND_REFUSED);
  g_assert_cmpuint (end->status, ==, g_ascii_strtoull (status, NULL, 10));
  g_assert_cmpstr (end->client, ==, client_name);
  g_assert_cmpstr (end->model, ==, model);
  g_assert_cmpuint (end->bytes_out, >, 0);
  check_attempt (end, NULL, NULL, 0);
  check_times (end);
  tear_down (&fixture);
}

static void
test_refused (void)
{
  check_refused ("GET /nothing/here HTTP/1.1\r\nHost: localhost\r\n\r\n", "404", NULL, NULL);
  check_refused ("GET /v1/models HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403", NULL, NULL);
  check_refused ("POST " CHAT " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                 "Content-Length: 15\r\n\r\n{\"model\":\"none\"",
                 "400", "anonymous", NULL);
  check_refused ("POST " CHAT " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                 "Content-Length: 16\r\n\r\n{\"model\":\"none\"}",
                 "404", "anonymous", "none");
}

static void
test_paused (void)
{
  Fixture fixture;
  AipRequestEvent *start;
  const AipRequestEvent *end;

  set_up (&fixture);
  watch (&fixture);
  aip_server_set_paused (fixture.bench.server, TRUE);
  g_autoptr (Peer) client = server_bench_connect (&fixture.bench);
  peer_get (client, "/v1/models", "");
  peer_hear_answer (client, "503", "paused");
  end = take_pair (&fixture, &start);
  g_assert_cmpint (end->outcome, ==, AIP_OUTCOME_KIND_REFUSED);
  g_assert_cmpuint (end->status, ==, 503);
  tear_down (&fixture);
}

static void
test_cut (void)
{
  Fixture fixture;
  AipRequestEvent *start;
  const AipRequestEvent *end;

  set_up_request (&fixture, "", ASK ("m"));
  aip_server_set_paused (fixture.bench.server, TRUE);
  peer_hear_answer (fixture.client, "503", "paused");
  end = take_pair (&fixture, &start);
  g_assert_cmpint (end->outcome, ==, AIP_OUTCOME_KIND_CANCELLED);
  g_assert_cmpuint (end->status, ==, 503);
  check_attempt (end, "up", "m", 1);
  tear_down (&fixture);
}

static void
test_client_leaves (void)
{
  Fixture fixture;
  AipRequestEvent *start;
  const AipRequestEvent *end;

  set_up_request (&fixture, "", ASK ("m"));
  g_clear_pointer (&fixture.client, peer_close);
  end = take_pair (&fixture, &start);
  g_assert_cmpint (end->outcome, ==, AIP_OUTCOME_KIND_CANCELLED);
  g_assert_cmpuint (end->status, ==, 0);
  g_assert_cmpint (end->first_byte_us, <, 0);
  tear_down (&fixture);
}

static void
test_websocket (void)
{
  Fixture fixture;
  AipRequestEvent *start;
  const AipRequestEvent *end;

  set_up (&fixture);
  watch (&fixture);
  g_autoptr (Peer) client = server_bench_connect (&fixture.bench);
  peer_get (client, "/v1/realtime?model=m",
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n");
  g_autoptr (Peer) upstream = server_bench_accept (&fixture.bench);
  peer_say (upstream, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x03one");
  peer_hear (client, "one");
  peer_say (client, "four");
  peer_hear (upstream, "four");
  peer_close (g_steal_pointer (&client));
  end = take_pair (&fixture, &start);
  g_assert_cmpint (end->outcome, ==, AIP_OUTCOME_KIND_SUCCEEDED);
  g_assert_cmpuint (end->status, ==, 101);
  g_assert_cmpuint (end->bytes_in, ==, 4);
  g_assert_cmpuint (end->bytes_out, ==, 5);
  check_times (end);
  tear_down (&fixture);
}

/* Health, preflights, and what nobody watches. */
static void
test_untold (void)
{
  Fixture fixture;
  AipRequestEvent *start;

  set_up (&fixture);
  g_autoptr (Peer) unwatched = server_bench_connect (&fixture.bench);
  peer_get (unwatched, "/v1/models", "");
  peer_hear_answer (unwatched, "200", "list");
  server_bench_wait_until_idle (&fixture.bench);
  watch (&fixture);
  g_autoptr (Peer) health = server_bench_connect (&fixture.bench);
  peer_get (health, "/health", "");
  peer_hear_end (health);
  g_autoptr (Peer) client = server_bench_connect (&fixture.bench);
  peer_say (client, "OPTIONS /v1/models HTTP/1.1\r\nHost: localhost\r\nOrigin: https://app.example\r\n"
                    "Access-Control-Request-Method: GET\r\n\r\n");
  peer_hear (client, "HTTP/1.1 204 ");
  peer_hear (client, "\r\n\r\n");
  g_string_truncate (client->got, 0);
  peer_get (client, "/v1/models", "X-Request-Id: told\r\n");
  peer_hear_answer (client, "200", "list");
  g_assert_cmpint (take_pair (&fixture, &start)->outcome, ==, AIP_OUTCOME_KIND_SUCCEEDED);
  g_assert_cmpstr (start->id, ==, "told");
  tear_down (&fixture);
}

/* Who comes in the middle of a request is told of its beginning at its end. */
static void
test_late_watcher (void)
{
  Fixture fixture;
  AipRequestEvent *start;
  const AipRequestEvent *end;

  set_up (&fixture);
  g_autoptr (Peer) client = server_bench_connect (&fixture.bench);
  peer_post (client, CHAT, "", ASK ("m"));
  g_autoptr (Peer) upstream = server_bench_accept (&fixture.bench);
  watch (&fixture);
  peer_say (upstream, JSON);
  peer_hear_answer (client, "200", "usage");
  end = take_pair (&fixture, &start);
  g_assert_cmpstr (start->model, ==, "m");
  check_times (end);
  g_assert_cmpuint (end->bytes_out, ==, 58);

  /* And it may go in the middle of one. */
  g_ptr_array_set_size (fixture.events, 0);
  peer_post (client, CHAT, "", ASK ("m"));
  wait_for (&fixture, 1);
  aip_activity_unwatch (fixture.bench.activity);
  server_bench_free_server (&fixture.bench);
  g_assert_cmpuint (fixture.events->len, ==, 1);
  tear_down (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server-activity/plain", test_plain);
  g_test_add_func ("/server-activity/second-attempt", test_second_attempt);
  g_test_add_func ("/server-activity/stream", test_stream);
  g_test_add_func ("/server-activity/faults", test_faults);
  g_test_add_func ("/server-activity/refused", test_refused);
  g_test_add_func ("/server-activity/paused", test_paused);
  g_test_add_func ("/server-activity/cut", test_cut);
  g_test_add_func ("/server-activity/client-leaves", test_client_leaves);
  g_test_add_func ("/server-activity/websocket", test_websocket);
  g_test_add_func ("/server-activity/untold", test_untold);
  g_test_add_func ("/server-activity/late-watcher", test_late_watcher);

  return g_test_run ();
}
