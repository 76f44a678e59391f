/* SPDX-License-Identifier: MIT */
#include "probe.h"

#include <string.h>

static void
ask (Bench *bench, Probe *probe, const char *model, gboolean stream)
{
  g_autofree char *text = g_strdup_printf (
      "{\"model\":\"%s\",\"stream\":%s,\"messages\":[{\"role\":\"user\",\"content\":\"one two "
      "three four five six seven eight\"}]}",
      model, stream ? "true" : "false");
  g_autoptr (GBytes) body = g_bytes_new (text, strlen (text));

  probe->transfer =
      aip_upstream_start_builtin (bench->upstream, "POST", "chat/completions", body, &probe_funcs, probe);
  g_assert_cmpuint (probe->n_heads + probe->n_done, ==, 0);
}

static void
test_plain (void)
{
  Bench bench;
  Probe probe;

  bench_init (&bench);
  probe_init (&probe, &bench);
  ask (&bench, &probe, "echo", FALSE);
  bench_turn (&bench);
  g_assert_cmpuint (probe.n_done, ==, 1); /* all in one turn */
  g_assert_cmpint (probe.result.fault, ==, AIP_FAULT_NONE);
  g_assert_cmpuint (probe.status, ==, 200);
  g_assert_cmpstr (probe.headers->str, ==, "Content-Type=application/json;");
  g_assert_nonnull (strstr (probe.body->str, "seven eight"));
  g_assert_cmpuint (probe.result.bytes_received, ==, probe.body->len);
  g_assert_true (probe.result.framed);
  probe_clear (&probe);
  bench_clear (&bench);
}

static void
test_no_room (void)
{
  Bench bench;
  Probe whole;
  Probe halting;

  bench_init (&bench);
  probe_init (&whole, &bench);
  ask (&bench, &whole, "echo", TRUE);
  probe_wait (&whole);

  probe_init (&halting, &bench);
  halting.room = 0;
  ask (&bench, &halting, "echo", TRUE);
  while (halting.transfer != NULL)
    {
      bench_turn (&bench);
      halting.room += 300;
      if (halting.transfer != NULL)
        aip_transfer_resume (halting.transfer);
    }
  g_assert_cmpuint (halting.n_refused, >, 1);
  g_assert_cmpuint (halting.body->len, ==, whole.body->len);
  g_assert_cmpint (halting.result.fault, ==, AIP_FAULT_NONE);
  probe_clear (&whole);
  probe_clear (&halting);
  bench_clear (&bench);
}

static void
test_slow (void)
{
  Bench bench;
  Probe probe;

  bench_init (&bench);
  probe_init (&probe, &bench);
  ask (&bench, &probe, "echo-slow", TRUE);
  bench_turn (&bench);
  g_assert_cmpuint (probe.n_heads, ==, 1);
  g_assert_cmpuint (probe.n_bodies, ==, 0);
  probe_wait (&probe);
  g_assert_cmpuint (probe.n_bodies, >, 1);
  g_assert_cmpint (probe.result.fault, ==, AIP_FAULT_NONE);
  probe_clear (&probe);
  bench_clear (&bench);
}

static void
test_faults (void)
{
  Bench bench;
  Probe failed;
  Probe cut;

  bench_init (&bench);
  probe_init (&failed, &bench);
  ask (&bench, &failed, "fail-503", FALSE);
  probe_wait (&failed);
  g_assert_cmpuint (failed.status, ==, 503);
  g_assert_cmpint (failed.result.fault, ==, AIP_FAULT_NONE);
  probe_clear (&failed);

  probe_init (&cut, &bench);
  ask (&bench, &cut, "cut-2", TRUE);
  probe_wait (&cut);
  g_assert_cmpint (cut.result.fault, ==, AIP_FAULT_CUT);
  g_assert_nonnull (cut.message);
  g_assert_cmpuint (cut.n_bodies, >, 0);
  probe_clear (&cut);
  bench_clear (&bench);
}

static void
test_cancel (void)
{
  Bench bench;

  bench_init (&bench);
  for (const char *where = "hb"; *where != '\0'; where++)
    {
      Probe probe;

      probe_init (&probe, &bench);
      probe.cancel_in = *where;
      ask (&bench, &probe, "echo", TRUE);
      probe_wait (&probe);
      g_assert_cmpuint (probe.n_done, ==, 0);
      probe_clear (&probe);
    }
  for (int turns = 0; turns < 2; turns++)
    {
      Probe probe;

      probe_init (&probe, &bench);
      ask (&bench, &probe, "echo-slow", TRUE);
      for (int i = 0; i < turns; i++)
        bench_turn (&bench);
      if (turns == 0)
        aip_transfer_cancel (probe.transfer);
      else
        g_clear_pointer (&bench.upstream, aip_upstream_free);
      g_assert_cmpuint (probe.n_done, ==, 0);
      probe_clear (&probe);
    }
  bench_clear (&bench);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_assert_true (aip_upstream_global_init (NULL));
  g_test_add_func ("/upstream/builtin/plain", test_plain);
  g_test_add_func ("/upstream/builtin/no-room", test_no_room);
  g_test_add_func ("/upstream/builtin/slow", test_slow);
  g_test_add_func ("/upstream/builtin/faults", test_faults);
  g_test_add_func ("/upstream/builtin/cancel", test_cancel);
  return g_test_run ();
}
