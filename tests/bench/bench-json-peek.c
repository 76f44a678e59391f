/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-bench"

#include "base/aip-json-peek.h"

#include <string.h>

#define BODY_SIZE (1024 * 1024)
#define ROUNDS 9u
#define ROUND_US (G_USEC_PER_SEC / 5)

typedef void (*FillFunc) (GString *body);

static void
fill_ascii (GString *body)
{
  g_string_append (body, "{\"role\": \"user\", \"content\": \"");
  for (guint i = 0; i < 24; i++)
    g_string_append (body,
                     "The quick brown fox jumps over the lazy dog, said \\\"nobody\\\" in particular.\\n");
  g_string_append (body, "\"}, ");
}

static void
fill_cjk (GString *body)
{
  g_string_append (body, "{\"role\": \"user\", \"content\": \"");
  for (guint i = 0; i < 24; i++)
    g_string_append (body, "敏捷的棕色狐狸跳过了那只懒狗，没有人特别注意到这件事。\\n");
  g_string_append (body, "\"}, ");
}

static void
fill_members (GString *body)
{
  g_string_append (
      body,
      "{\"id\": 17, \"on\": true, \"size\": -1.5e3, \"tag\": \"ab\", \"none\": null, \"xy\": [1, 2]}, ");
}

static GString *
make_body (FillFunc fill)
{
  GString *body = g_string_new ("{\"model\": \"gpt-4o-mini\", \"stream\": true, \"messages\": [");

  while (body->len < BODY_SIZE)
    fill (body);

  g_string_append (body, "{}], \"user\": \"somebody\"}");
  return body;
}

/* One round: peeks for a while and gives the speed in MB/s. */
static double
measure (const GString *body)
{
  AipJsonMember wanted[] = { { .name = "model" }, { .name = "stream" }, { .name = "user" } };
  gint64 start = g_get_monotonic_time ();
  gint64 now = start;
  guint64 n_bytes = 0;

  while (now - start < ROUND_US)
    {
      g_autoptr (GError) error = NULL;

      if (!aip_json_peek (body->str, body->len, wanted, G_N_ELEMENTS (wanted), &error))
        g_error ("%s", error->message);

      n_bytes += body->len;
      now = g_get_monotonic_time ();
    }

  return (double) n_bytes / (double) (now - start);
}

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *) a;
  double y = *(const double *) b;

  return (x > y) - (x < y);
}

static void
run (const char *name, FillFunc fill)
{
  g_autoptr (GString) body = make_body (fill);
  double speeds[ROUNDS];

  for (guint i = 0; i < ROUNDS; i++)
    speeds[i] = measure (body);

  qsort (speeds, ROUNDS, sizeof speeds[0], compare_doubles);
  g_print ("{\"benchmark\": \"json-peek\", \"body\": \"%s\", \"bytes\": %" G_GSIZE_FORMAT
           ", \"median_mb_per_s\": %.0f, \"best_mb_per_s\": %.0f}\n",
           name, body->len, speeds[ROUNDS / 2], speeds[ROUNDS - 1]);
}

int
main (void)
{
  run ("ascii", fill_ascii);
  run ("cjk", fill_cjk);
  run ("members", fill_members);
  return 0;
}
