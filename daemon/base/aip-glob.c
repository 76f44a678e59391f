/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-glob"

#include "base/aip-glob.h"

#include <string.h>

static const char *
skip_character (const char *text)
{
  /* Byte by byte, never past the NUL: the text need not be valid UTF-8. */
  do
    text++;
  while (((guchar) *text & 0xC0) == 0x80);

  return text;
}

/**
 * aip_glob_match:
 * @glob: `*` stands for any text, `?` for one character, all else for itself
 * @text: what to look at; need not be valid UTF-8
 *
 * Takes at most the product of both lengths in steps, whatever they hold: only the last `*` is ever
 * tried again, because an earlier one could not match better. Allocates nothing.
 *
 * Returns: whether the whole of @text matches
 */
gboolean
aip_glob_match (const char *glob, const char *text)
{
  const char *star = NULL;
  const char *retry = NULL;

  g_return_val_if_fail (glob != NULL && text != NULL, FALSE);

  while (*text != '\0')
    {
      if (*glob == '*')
        {
          star = ++glob;
          retry = text;
        }
      else if (*glob == '?')
        {
          glob++;
          text = skip_character (text);
        }
      else if (*glob == *text)
        {
          glob++;
          text++;
        }
      else if (star != NULL)
        {
          glob = star;
          text = retry = skip_character (retry);
        }
      else
        {
          return FALSE;
        }
    }

  while (*glob == '*')
    glob++;

  return *glob == '\0';
}

/**
 * aip_glob_match_any:
 * @globs: (array zero-terminated=1): see aip_glob_match ()
 * @text: what to look at
 *
 * Returns: whether one of @globs matches; %FALSE for an empty list
 */
gboolean
aip_glob_match_any (const char *const *globs, const char *text)
{
  g_return_val_if_fail (globs != NULL && text != NULL, FALSE);

  for (; *globs != NULL; globs++)
    if (aip_glob_match (*globs, text))
      return TRUE;

  return FALSE;
}

/**
 * aip_glob_is_exact:
 * @glob: see aip_glob_match ()
 *
 * Returns: whether @glob matches one text alone, itself
 */
gboolean
aip_glob_is_exact (const char *glob)
{
  g_return_val_if_fail (glob != NULL, FALSE);

  return strpbrk (glob, "*?") == NULL;
}
