/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-near-names"

#include "routing/aip-near-names.h"

#include <string.h>

/* What a client wrote may be long; what it meant is not. */
#define MAX_LENGTH 128
#define MIN_PREFIX 3

typedef struct
{
  const char *name;
  guint distance;
} Near;

/*
 * Levenshtein's distance of two lower-case texts, or @limit + 1 as soon as it is known to be larger.
 * One row of Wagner and Fischer's table, of which only the band of @limit around the diagonal counts
 * (E. Ukkonen, Algorithms for approximate string matching, 1985).
 */
static guint
bounded_distance (const char *a, gsize a_length, const char *b, gsize b_length, guint limit)
{
  guint row[MAX_LENGTH + 1];

  g_assert (a_length <= MAX_LENGTH && b_length <= MAX_LENGTH);

  if (MAX (a_length, b_length) - MIN (a_length, b_length) > limit)
    return limit + 1;

  for (gsize j = 0; j <= b_length; j++)
    row[j] = (guint) j;

  for (gsize i = 1; i <= a_length; i++)
    {
      gsize first = i > limit ? i - limit : 1;
      gsize last = MIN (i + limit, b_length);
      guint diagonal = row[first - 1];
      guint best = limit + 1;

      row[first - 1] = first == 1 ? (guint) i : limit + 1;
      for (gsize j = first; j <= last; j++)
        {
          guint replaced = diagonal + (a[i - 1] != b[j - 1]);
          /* Right of the band of the row above there is nothing to come from. */
          guint removed = j == i + limit ? limit + 1 : row[j] + 1;
          guint added = row[j - 1] + 1;

          diagonal = row[j];
          row[j] = MIN (replaced, MIN (removed, added));
          best = MIN (best, row[j]);
        }
      if (best > limit && row[first - 1] > limit)
        return limit + 1;
    }

  return row[b_length];
}

static int
compare_near (const void *a, const void *b)
{
  const Near *left = a;
  const Near *right = b;

  if (left->distance != right->distance)
    return left->distance < right->distance ? -1 : 1;

  return strcmp (left->name, right->name);
}

/* A name that goes on where the wanted one ends is as good as the worst misspelling. */
static guint
measure (const char *name, const char *wanted, gsize wanted_length, guint limit)
{
  gsize length = strlen (name);
  guint distance = limit + 1;

  if (length > MAX_LENGTH)
    return distance;

  g_autofree char *lower = g_ascii_strdown (name, (gssize) length);

  distance = bounded_distance (wanted, wanted_length, lower, length, limit);
  if (distance > limit && wanted_length >= MIN_PREFIX && strncmp (lower, wanted, wanted_length) == 0)
    distance = limit;

  return distance;
}

/**
 * aip_near_names_find:
 * @names: (element-type utf8): the names there are
 * @wanted: what was asked for
 * @max: how many to give at most
 *
 * Finds what @wanted may have been meant to be: names that differ from it in few characters (a third of
 * its length, at most 5; case does not count) or begin with it.
 *
 * Returns: (transfer container) (element-type utf8): names out of @names, nearest first
 */
GPtrArray *
aip_near_names_find (const GPtrArray *names, const char *wanted, guint max)
{
  g_return_val_if_fail (names != NULL && wanted != NULL, NULL);

  GPtrArray *found = g_ptr_array_new ();
  gsize length = strnlen (wanted, MAX_LENGTH + 1);

  if (length == 0 || length > MAX_LENGTH)
    return found;

  g_autofree char *lower = g_ascii_strdown (wanted, (gssize) length);
  g_autoptr (GArray) near = g_array_new (FALSE, FALSE, sizeof (Near));
  guint limit = CLAMP ((guint) length / 3, 1, 5);

  for (guint i = 0; i < names->len; i++)
    {
      Near candidate = { .name = g_ptr_array_index (names, i) };

      candidate.distance = measure (candidate.name, lower, length, limit);
      if (candidate.distance <= limit)
        g_array_append_val (near, candidate);
    }

  g_array_sort (near, compare_near);
  for (guint i = 0; i < near->len && i < max; i++)
    g_ptr_array_add (found, (void *) g_array_index (near, Near, i).name);

  return found;
}
