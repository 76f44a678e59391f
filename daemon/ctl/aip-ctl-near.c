/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-ctl-near"

#include "ctl/aip-ctl-near.h"

#include <string.h>

#define MAX_LENGTH 64

/* Letters to add, to take away, to replace, or to swap with the next one, until one text is the other
 * (optimal string alignment). */
static guint
distance (const char *a, const char *b)
{
  guint rows[3][MAX_LENGTH + 1];
  gsize a_length = strlen (a);
  gsize b_length = strlen (b);

  g_assert (a_length <= MAX_LENGTH && b_length <= MAX_LENGTH);

  for (gsize j = 0; j <= b_length; j++)
    rows[0][j] = (guint) j;
  for (gsize i = 1; i <= a_length; i++)
    {
      guint *row = rows[i % 3];
      const guint *above = rows[(i - 1) % 3];

      row[0] = (guint) i;
      for (gsize j = 1; j <= b_length; j++)
        {
          row[j] = MIN (above[j - 1] + (a[i - 1] != b[j - 1]), MIN (above[j], row[j - 1]) + 1);
          if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
            row[j] = MIN (row[j], rows[(i - 2) % 3][j - 2] + 1);
        }
    }
  return rows[a_length % 3][b_length];
}

/**
 * aip_ctl_near_find:
 * @names: (element-type utf8): names there are
 * @wanted: what was typed
 *
 * Returns: (transfer none) (nullable): which of @names was probably meant: the one that begins with @wanted,
 * or differs from it in at most a third of its characters
 */
const char *
aip_ctl_near_find (const GPtrArray *names, const char *wanted)
{
  const char *near = NULL;
  guint best;
  gsize length;

  g_return_val_if_fail (names != NULL, NULL);
  g_return_val_if_fail (wanted != NULL, NULL);

  length = strlen (wanted);
  if (length == 0 || length > MAX_LENGTH)
    return NULL;
  best = MAX ((guint) length / 3, 1) + 1;
  for (guint i = 0; i < names->len; i++)
    {
      const char *name = g_ptr_array_index (names, i);
      guint far = strlen (name) <= MAX_LENGTH ? distance (wanted, name) : G_MAXUINT;

      /* A name that was not typed to its end is as good as one wrong letter. */
      if (length >= 2 && strncmp (name, wanted, length) == 0)
        far = 1;
      if (far >= best)
        continue;
      best = far;
      near = name;
    }
  return near;
}
