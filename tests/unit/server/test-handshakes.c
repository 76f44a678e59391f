/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "server/aip-handshakes.h"

#define N_CLIENTS 6
#define LIMIT 2

typedef struct
{
  AipHandshakeTurn turn;
  gboolean running;
  gboolean told_to_end;
  gboolean stays; /* does not end when it is told to */
} Client;

typedef struct
{
  GMainContext *context;
  AipLoop *loop;
  AipHandshakes handshakes;
  Client clients[N_CLIENTS];
} Fixture;

static void
turn_cb (AipHandshakeTurn *turn, gboolean begin, void *user_data)
{
  Client *client = user_data;

  g_assert_true (turn == &client->turn);
  if (begin)
    {
      g_assert_false (client->running);
      client->running = TRUE;
      return;
    }
  client->told_to_end = TRUE;
  if (!client->stays)
    aip_handshake_turn_end (turn);
}

static void
take (Fixture *fixture, int number)
{
  Client *client = &fixture->clients[number];

  aip_handshake_turn_take (&client->turn, &fixture->handshakes, turn_cb, client);
}

static void
end (Fixture *fixture, int number)
{
  aip_handshake_turn_end (&fixture->clients[number].turn);
}

/* "110" for: the first and second have had their turn. */
static void
check_begun (const Fixture *fixture, const char *expected)
{
  char begun[N_CLIENTS + 1] = "";

  for (int i = 0; i < N_CLIENTS; i++)
    begun[i] = fixture->clients[i].running ? '1' : '0';
  g_assert_cmpstr (begun, ==, expected);
}

static void
set_up (Fixture *fixture, const void *data)
{
  fixture->context = g_main_context_new ();
  g_main_context_push_thread_default (fixture->context);
  fixture->loop = aip_loop_new (fixture->context);
  aip_handshakes_init (&fixture->handshakes, fixture->loop, LIMIT);
}

static void
tear_down (Fixture *fixture, const void *data)
{
  for (int i = 0; i < N_CLIENTS; i++)
    end (fixture, i);
  aip_handshakes_clear (&fixture->handshakes);
  aip_loop_free (fixture->loop);
  g_main_context_pop_thread_default (fixture->context);
  g_main_context_unref (fixture->context);
}

static void
test_turns (Fixture *fixture, const void *data)
{
  for (int i = 0; i < N_CLIENTS; i++)
    take (fixture, i);
  check_begun (fixture, "110000");
  end (fixture, 1);
  check_begun (fixture, "110001");

  /* Who leaves while waiting is passed over. */
  end (fixture, 4);
  end (fixture, 4);
  check_begun (fixture, "110001");
  end (fixture, 0);
  check_begun (fixture, "110101");
  end (fixture, 3);
  end (fixture, 5);
  check_begun (fixture, "111101");
  end (fixture, 2);

  /* All places are free again. */
  for (int i = 0; i < N_CLIENTS; i++)
    fixture->clients[i].running = FALSE;
  take (fixture, 0);
  take (fixture, 1);
  take (fixture, 2);
  check_begun (fixture, "110000");
}

static void
make_old (Fixture *fixture, int number)
{
  fixture->clients[number].turn.begun -= 10 * G_TIME_SPAN_SECOND;
}

static void
iterate (Fixture *fixture)
{
  for (int i = 0; i < 10; i++)
    {
      g_main_context_iteration (fixture->context, FALSE);
      g_usleep (1000);
    }
}

static void
test_patience (Fixture *fixture, const void *data)
{
  take (fixture, 0);
  take (fixture, 1);
  make_old (fixture, 0);
  iterate (fixture);
  /* Nobody waits: it may go on. */
  g_assert_false (fixture->clients[0].told_to_end);

  take (fixture, 2);
  iterate (fixture);
  g_assert_true (fixture->clients[0].told_to_end);
  g_assert_false (fixture->clients[1].told_to_end);
  check_begun (fixture, "111000");
}

static void
test_deaf_ones_lose_their_place (Fixture *fixture, const void *data)
{
  fixture->clients[0].stays = TRUE;
  take (fixture, 0);
  take (fixture, 1);
  make_old (fixture, 0);
  make_old (fixture, 1);
  take (fixture, 2);
  take (fixture, 3);
  iterate (fixture);
  g_assert_true (fixture->clients[0].told_to_end && fixture->clients[1].told_to_end);
  check_begun (fixture, "111100");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define add_test(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)
  add_test ("/server/handshakes/turns", test_turns);
  add_test ("/server/handshakes/patience", test_patience);
  add_test ("/server/handshakes/deaf-ones-lose-their-place", test_deaf_ones_lose_their_place);

  return g_test_run ();
}
