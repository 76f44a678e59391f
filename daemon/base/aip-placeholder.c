/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-placeholder"

#include "base/aip-placeholder.h"

#include <string.h>

#include "base/aip-ascii.h"
#include "base/aip-secret.h"

#define MAX_LENGTH 128
#define DIGEST_LENGTH 32

/* What stands in examples, ours and others', for a token or a key: everybody knows them. */
static const char *const samples[] = {
  "changeme",
  "change-me",
  "internal-token",
  "password",
  "sk-1234567890",
  "sk-...",
  "sk-xxx",
  "sk-xxxx",
  "sk-xxxxxxxx",
  "xxx",
  "YOUR_API_KEY",
  "YOUR_TOKEN",
  "your-api-key",
  "your-api-key-1",
  "your-api-key-2",
  "your-api-key-3",
  "your-azure-api-key",
  "your-key",
  "your-token",
  "your_api_key",
  "your_api_key_here",
  "your_openai_api_key_here",
};

/* The same, but servers on one's own machine take these for a key, and some want nothing else. */
static const char *const dummies[] = {
  "",    "any-key", "anything",   "default", "demo",   "dummy",   "EMPTY",   "empty", "example", "fake",
  "key", "none",    "not-needed", "ollama",  "secret", "sk-1234", "sk-test", "test",  "token",
};

static gboolean
is_any_of (const guint8 digest[DIGEST_LENGTH], const char *const *texts, gsize n_texts)
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);

  for (gsize i = 0; i < n_texts; i++)
    {
      guint8 known[DIGEST_LENGTH];
      gsize length = sizeof known;

      g_checksum_reset (checksum);
      g_checksum_update (checksum, (const guchar *) texts[i], (gssize) strlen (texts[i]));
      g_checksum_get_digest (checksum, known, &length);
      if (memcmp (known, digest, sizeof known) == 0)
        return TRUE;
    }
  return FALSE;
}

/**
 * aip_placeholder_is_token_digest:
 * @digest: SHA-256 of a client's token
 *
 * Returns: whether the token is one that stands in examples, so that everybody knows it
 */
gboolean
aip_placeholder_is_token_digest (const guint8 digest[DIGEST_LENGTH])
{
  g_return_val_if_fail (digest != NULL, FALSE);

  return is_any_of (digest, samples, G_N_ELEMENTS (samples)) ||
         is_any_of (digest, dummies, G_N_ELEMENTS (dummies));
}

/* --- keys --- */

/* "Your_API key" -> "-your-api-key-", so that words can be looked for. */
static void
write_words (char words[MAX_LENGTH + 3], const char *text, gsize length)
{
  gsize n = 0;

  words[n++] = '-';
  for (gsize i = 0; i < length; i++)
    if (strchr ("_ .-/", text[i]) == NULL)
      words[n++] = g_ascii_tolower (text[i]);
    else if (words[n - 1] != '-')
      words[n++] = '-';
  if (words[n - 1] != '-')
    words[n++] = '-';
  words[n] = '\0';
}

static gboolean
has_any (const char *words, const char *const *parts, gsize n_parts)
{
  for (gsize i = 0; i < n_parts; i++)
    if (strstr (words, parts[i]) != NULL)
      return TRUE;
  return FALSE;
}

/* "your-azure-api-key", "sk-your-key", "replace-with-your-token", "insert-key-here", "REPLACE_ME". */
static gboolean
is_instruction (const char *words)
{
  static const char *const alone[] = {
    "-changeme-",    "-change-me-",  "-change-this-",  "-replaceme-", "-replace-me-", "-replace-with-",
    "-placeholder-", "-insert-key-", "-api-key-here-", "-key-here-",  "-token-here-", "-key-goes-here-"
  };
  static const char *const things[] = { "key-", "-key", "apikey-", "token-", "secret-" };
  static const char *const whole[] = { "-api-key-", "-apikey-", "-your-", "-openai-api-key-",
                                       "-insert-here-" };

  for (gsize i = 0; i < G_N_ELEMENTS (whole); i++)
    if (g_str_equal (words, whole[i]))
      return TRUE;
  return has_any (words, alone, G_N_ELEMENTS (alone)) ||
         (strstr (words, "-your-") != NULL && has_any (words, things, G_N_ELEMENTS (things)));
}

/* "<your key>", "${OPENAI_API_KEY}", "{{key}}", "[key]": what was to be filled in was not. */
static gboolean
is_bracketed (const char *text, gsize length)
{
  static const struct
  {
    const char *open;
    const char *close;
  } pairs[] = { { "<", ">" }, { "${", "}" }, { "{{", "}}" }, { "{", "}" }, { "[", "]" }, { "$(", ")" } };

  for (gsize i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      gsize open = strlen (pairs[i].open);
      gsize close = strlen (pairs[i].close);

      if (length > open + close && memcmp (text, pairs[i].open, open) == 0 &&
          memcmp (text + length - close, pairs[i].close, close) == 0)
        return TRUE;
    }
  return FALSE;
}

static gboolean
ends_with_filler (const char *text, gsize length)
{
  /* What may stand before it: "sk-", "sk-proj-", "AIzaSy", "sk-ant-api03-". */
  const gsize max_prefix = 14;
  gsize start = length;
  gsize n_fillers = 0;

  while (start > 0 && strchr ("xX-_", text[start - 1]) != NULL)
    {
      start--;
      n_fillers += text[start] == 'x' || text[start] == 'X';
    }
  return n_fillers >= 3 && start <= max_prefix;
}

/* "sk-xxxxxxxx", "sk-proj-XXXX-XXXX", "sk-...", "sk-***", and what a page shows of a key: "sk-ab...yz". */
static gboolean
is_masked (const char *text, gsize length)
{
  return g_strstr_len (text, (gssize) length, "...") != NULL ||
         g_strstr_len (text, (gssize) length, "\342\200\246") != NULL || /* an ellipsis */
         g_strstr_len (text, (gssize) length, "***") != NULL || ends_with_filler (text, length);
}

static gboolean
is_sample (const char *text, gsize length)
{
  static const char *const more[] = {
    "sk-*", "sk-abc123", "sk-123", "sk-12345", "sk-123456", "sk-placeholder"
  };

  for (gsize i = 0; i < G_N_ELEMENTS (samples); i++)
    if (aip_ascii_equal (text, length, samples[i]))
      return TRUE;
  for (gsize i = 0; i < G_N_ELEMENTS (more); i++)
    if (aip_ascii_equal (text, length, more[i]))
      return TRUE;
  /* "your", as Chinese examples say it. */
  return g_strstr_len (text, (gssize) length, "\344\275\240\347\232\204") != NULL;
}

/**
 * aip_placeholder_is_key:
 * @text: what lies where an upstream's key should; any bytes
 * @length: its length in bytes
 *
 * Tells what examples show in place of a key ("your-api-key-1", "sk-xxxx", "<your key>", "REPLACE_ME") from
 * keys. What servers on one's own machine take ("EMPTY", "none", "ollama", "lm-studio", "dummy") is none of
 * these.
 *
 * Returns: whether no provider can have given it out
 */
gboolean
aip_placeholder_is_key (const char *text, gsize length)
{
  char words[MAX_LENGTH + 3];
  gboolean found;

  g_return_val_if_fail (text != NULL, FALSE);

  if (length == 0 || length > MAX_LENGTH || memchr (text, '\0', length) != NULL)
    return FALSE;
  if (is_bracketed (text, length) || is_masked (text, length) || is_sample (text, length))
    return TRUE;
  write_words (words, text, length);
  found = is_instruction (words);
  /* It may be a key after all. */
  aip_secret_wipe (words, sizeof words);
  return found;
}
