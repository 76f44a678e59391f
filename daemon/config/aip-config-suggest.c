/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-config"

#include "config/aip-config-suggest.h"

#include <string.h>

/* Names are short; a longer word is no slip of the hand. */
#define MAX_LENGTH 64

static char
fold (char letter)
{
  return letter == '_' || letter == '.' || letter == ' ' ? '-' : g_ascii_tolower (letter);
}

/* Edit distance with neighbours swapped counted as one slip (optimal string alignment), in three rows. */
static guint
measure_distance (const char *a, gsize a_length, const char *b, gsize b_length)
{
  guint rows[3][MAX_LENGTH + 1];

  for (gsize j = 0; j <= b_length; j++)
    rows[0][j] = (guint) j;

  for (gsize i = 1; i <= a_length; i++)
    {
      guint *row = rows[i % 3];
      const guint *above = rows[(i - 1) % 3];
      const guint *two_above = rows[(i + 1) % 3];

      row[0] = (guint) i;
      for (gsize j = 1; j <= b_length; j++)
        {
          guint cost = fold (a[i - 1]) == fold (b[j - 1]) ? 0 : 1;

          row[j] = MIN (MIN (above[j], row[j - 1]) + 1, above[j - 1] + cost);
          if (i > 1 && j > 1 && fold (a[i - 1]) == fold (b[j - 2]) && fold (a[i - 2]) == fold (b[j - 1]))
            row[j] = MIN (row[j], two_above[j - 2] + 1);
        }
    }
  return rows[a_length % 3][b_length];
}

/**
 * aip_config_suggest:
 * @word: what somebody wrote
 * @candidates: what there is; ends with NULL
 *
 * Finds what was meant: at most a third of the letters may be wrong. Case does not count, nor does
 * which of "-", "_", "." and blank was used.
 *
 * Returns: (transfer none) (nullable): one of @candidates, the nearest; NULL: none is near
 */
const char *
aip_config_suggest (const char *word, const char *const *candidates)
{
  const char *best = NULL;
  guint best_distance = G_MAXUINT;
  gsize length;

  g_return_val_if_fail (word != NULL, NULL);
  g_return_val_if_fail (candidates != NULL, NULL);

  length = strlen (word);
  if (length > MAX_LENGTH)
    return NULL;
  for (; *candidates != NULL; candidates++)
    {
      gsize candidate_length = strlen (*candidates);
      guint distance;

      if (candidate_length > MAX_LENGTH)
        continue;
      distance = measure_distance (word, length, *candidates, candidate_length);
      if (distance < best_distance && distance <= MAX (length, candidate_length) / 3)
        {
          best = *candidates;
          best_distance = distance;
        }
    }
  return best;
}

/**
 * aip_config_suggest_or_list:
 * @word: what somebody wrote
 * @candidates: what there is; ends with NULL
 *
 * Returns: (transfer full): the second half of a problem: "did you mean X?", or all that there is
 */
char *
aip_config_suggest_or_list (const char *word, const char *const *candidates)
{
  const char *near = aip_config_suggest (word, candidates);
  g_autofree char *all = NULL;

  if (near != NULL)
    return g_strdup_printf ("did you mean %s?", near);
  if (*candidates == NULL)
    return g_strdup ("there is none yet");
  all = g_strjoinv (", ", (char **) candidates);
  return g_strdup_printf ("there are: %s", all);
}
