/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-log"

#include "base/aip-log-mask.h"

#include <string.h>

#include "base/aip-log.h"

#define MASK "***"
#define MAX_NAME                                                                                             \
  40u /* a longer member or header name is not looked at beyond this; keeps the scan linear                  \
       */

/* Keys that their first bytes give away. The longest of those with a common start comes first. */
typedef struct
{
  const char *prefix;
  guint min_rest; /* so many url-safe characters must follow, else it is an ordinary word */
} KeyPrefix;

static const KeyPrefix key_prefixes[] = {
  { "sk-ant-", 1 }, { "sk-proj-", 1 }, { "sk-or-", 1 }, { "sk-", 1 },         { "AIza", 4 },
  { "gsk_", 4 },    { "xai-", 4 },     { "hf_", 6 },    { "github_pat_", 4 }, { "ghp_", 4 },
  { "gho_", 4 },    { "ghu_", 4 },     { "ghs_", 4 },   { "ghr_", 4 },        { "pplx-", 6 },
  { "r8_", 6 },     { "nvapi-", 6 },   { "eyJ", 10 },   { "aip-", 20 },
};

/* Values that the name before them gives away: "NAME: value", "NAME=value", "\"NAME\": \"value\"". */
typedef struct
{
  const char *suffix; /* in lower case; what the name ends in */
  gboolean common;    /* an everyday word: only alone, and before ':' only in quotes */
  gboolean rest;      /* the value may have blanks: it goes on to the end of the line */
} SecretName;

static const SecretName secret_names[] = {
  { "authorization", FALSE, TRUE },  { "cookie", FALSE, TRUE },        { "api-key", FALSE, FALSE },
  { "api_key", FALSE, FALSE },       { "apikey", FALSE, FALSE },       { "access_key", FALSE, FALSE },
  { "secret_key", FALSE, FALSE },    { "access_token", FALSE, FALSE }, { "refresh_token", FALSE, FALSE },
  { "client_secret", FALSE, FALSE }, { "key", TRUE, FALSE },           { "token", TRUE, FALSE },
  { "password", TRUE, FALSE },       { "secret", TRUE, FALSE },
};

/* What may stand in place of a secret or of a token in our own messages. */
static const char *const harmless_values[] = { "env:", "credential:", "keyring", "true", "false" };
static const char *const harmless_words[] = { "token", "tokens", "auth", "authentication" };

typedef struct
{
  const char *text;
  gsize length;
  gsize pos;    /* where the scan is */
  gsize copied; /* what is before here is in the output */
  GString *out;
} Mask;

static gboolean
is_url_safe (char c)
{
  return g_ascii_isalnum (c) || c == '-' || c == '_';
}

static gboolean
is_token_char (char c)
{
  return is_url_safe (c) || (c != '\0' && strchr (".~+/=%", c) != NULL);
}

static gboolean
is_value_end (char c)
{
  return (guchar) c <= ' ' || strchr ("&\"'`,;()[]{}<>\\", c) != NULL;
}

static gboolean
has_escape_before (const Mask *self, gsize pos, gsize size, const char *start)
{
  return pos >= size && memcmp (self->text + pos - size, start, strlen (start)) == 0;
}

/* A key starts behind anything but a letter or digit, or behind an escape that ends in one. */
static gboolean
is_boundary (const Mask *self, gsize pos)
{
  if (pos == 0 || !g_ascii_isalnum (self->text[pos - 1]))
    return TRUE;

  return has_escape_before (self, pos, 2, "\\") || has_escape_before (self, pos, 3, "%") ||
         has_escape_before (self, pos, 6, "\\u");
}

static gboolean
starts_with (const Mask *self, gsize pos, const char *word)
{
  gsize length = strlen (word);

  return self->length - pos >= length && memcmp (self->text + pos, word, length) == 0;
}

static gsize
skip_blanks (const Mask *self, gsize pos)
{
  while (pos < self->length && (self->text[pos] == ' ' || self->text[pos] == '\t'))
    pos++;

  return pos;
}

static gsize
skip_token (const Mask *self, gsize pos)
{
  while (pos < self->length && is_token_char (self->text[pos]))
    pos++;

  return pos;
}

static void
replace (Mask *self, gsize from, gsize to)
{
  g_assert (self->copied <= from && from <= to && to <= self->length);

  g_string_append_len (self->out, self->text + self->copied, (gssize) (from - self->copied));
  g_string_append (self->out, MASK);
  self->pos = self->copied = to;
}

static gboolean
has_url_safe_run (const Mask *self, gsize pos, gsize wanted)
{
  if (self->length - pos < wanted)
    return FALSE;

  for (gsize i = 0; i < wanted; i++)
    if (!is_url_safe (self->text[pos + i]))
      return FALSE;

  return TRUE;
}

static gboolean
mask_key (Mask *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (key_prefixes); i++)
    {
      const KeyPrefix *key = &key_prefixes[i];

      if (self->text[self->pos] != key->prefix[0] || !starts_with (self, self->pos, key->prefix))
        continue;

      gsize rest = self->pos + strlen (key->prefix);
      if (!has_url_safe_run (self, rest, key->min_rest))
        return FALSE;

      replace (self, rest, skip_token (self, rest));
      return TRUE;
    }

  return FALSE;
}

static gsize
find_value_end (const Mask *self, gsize pos, gboolean rest)
{
  if (!rest)
    {
      while (pos < self->length && !is_value_end (self->text[pos]))
        pos++;

      return pos;
    }

  while (pos < self->length && self->text[pos] != '\0' && strchr ("\r\n\"'", self->text[pos]) == NULL)
    pos++;

  return pos;
}

static gboolean
is_harmless_word (const char *word, gsize length)
{
  for (guint i = 0; i < G_N_ELEMENTS (harmless_words); i++)
    if (strlen (harmless_words[i]) == length && memcmp (word, harmless_words[i], length) == 0)
      return TRUE;

  return FALSE;
}

static gboolean
mask_bearer (Mask *self)
{
  static const char scheme[] = "bearer";
  gsize rest = self->pos + strlen (scheme);

  if (rest >= self->length || g_ascii_strncasecmp (self->text + self->pos, scheme, strlen (scheme)) != 0)
    return FALSE;

  gsize start = starts_with (self, rest, "%20") ? rest + 3 : skip_blanks (self, rest);
  gsize end = find_value_end (self, start, FALSE);

  if (start == rest || end == start || is_harmless_word (self->text + start, end - start))
    return FALSE;

  replace (self, start, end);
  return TRUE;
}

static gboolean
name_matches (const Mask *self, const SecretName *name, gsize start, gsize end, gboolean quoted)
{
  gsize length = strlen (name->suffix);

  if (end - start < length || g_ascii_strncasecmp (self->text + end - length, name->suffix, length) != 0)
    return FALSE;

  if (!name->common)
    return TRUE;

  return is_boundary (self, end - length) && (quoted || self->text[self->pos] == '=');
}

/* The name that ends before the ':' or '=' at the scan's position, if it is one of the table. */
static const SecretName *
find_secret_name (const Mask *self)
{
  gsize end = self->pos;

  if (end > 0 && self->text[end - 1] == ' ')
    end--;

  gboolean quoted = end > 0 && (self->text[end - 1] == '"' || self->text[end - 1] == '\'');
  if (quoted)
    end--;

  if (quoted && end > 0 && self->text[end - 1] == '\\')
    end--;

  gsize start = end;
  while (start > 0 && end - start < MAX_NAME && is_url_safe (self->text[start - 1]))
    start--;

  for (guint i = 0; i < G_N_ELEMENTS (secret_names); i++)
    if (name_matches (self, &secret_names[i], start, end, quoted))
      return &secret_names[i];

  return NULL;
}

/* Behind an opening quote that has @n_backslashes before it: the closing one has no more than that. */
static gsize
find_closing_quote (const Mask *self, gsize pos, char quote, gsize n_backslashes)
{
  gsize run = 0;

  for (; pos < self->length; pos++)
    {
      if (self->text[pos] == quote && run <= n_backslashes)
        return pos - run;

      run = self->text[pos] == '\\' ? run + 1 : 0;
    }

  return pos;
}

static gboolean
is_harmless_value (const Mask *self, gsize start)
{
  for (guint i = 0; i < G_N_ELEMENTS (harmless_values); i++)
    if (starts_with (self, start, harmless_values[i]))
      return TRUE;

  return FALSE;
}

static gboolean
mask_named_value (Mask *self)
{
  const SecretName *name = find_secret_name (self);

  if (name == NULL)
    return FALSE;

  gsize opening = skip_blanks (self, self->pos + 1);
  gsize start = opening;

  while (start < self->length && self->text[start] == '\\')
    start++;

  char quote = start < self->length ? self->text[start] : '\0';
  gsize n_backslashes = start - opening;
  gboolean quoted = quote == '"' || quote == '\'';

  if (quoted)
    start++;

  if (is_harmless_value (self, start))
    return FALSE;

  gsize end = quoted ? find_closing_quote (self, start, quote, n_backslashes)
                     : find_value_end (self, start, name->rest);

  if (end <= start)
    return FALSE;

  replace (self, start, end);
  return TRUE;
}

static gboolean
mask_userinfo (Mask *self)
{
  if (!starts_with (self, self->pos, "://"))
    return FALSE;

  gsize start = self->pos + 3;
  gsize at = 0;

  for (gsize i = start; i < self->length; i++)
    {
      char c = self->text[i];

      if ((guchar) c <= ' ' || strchr ("/?#\"'<>\\", c) != NULL)
        break;

      if (c == '@')
        at = i;
    }

  if (at <= start)
    return FALSE;

  replace (self, start, at);
  return TRUE;
}

static gboolean
mask_here (Mask *self)
{
  switch (self->text[self->pos])
    {
    case ':':
      return mask_userinfo (self) || mask_named_value (self);

    case '=':
      return mask_named_value (self);

    default:
      return g_ascii_isalpha (self->text[self->pos]) && is_boundary (self, self->pos) &&
             (mask_key (self) || mask_bearer (self));
    }
}

/**
 * aip_log_mask_append:
 * @out: where to append
 * @text: text of any origin; need not be UTF-8
 * @length: its length in bytes
 *
 * Appends @text without what aip_log_mask () removes.
 */
void
aip_log_mask_append (GString *out, const char *text, gsize length)
{
  g_return_if_fail (out != NULL);
  g_return_if_fail (text != NULL || length == 0);

  Mask self = { .text = text, .length = length, .out = out };

  while (self.pos < self.length)
    if (!mask_here (&self))
      self.pos++;

  g_string_append_len (out, text + self.copied, (gssize) (length - self.copied));
}

/**
 * aip_log_mask:
 * @message: any text
 *
 * Replaces what looks like a secret by `***`: keys with a known prefix (`sk-`, `AIza`, `gsk_`, `xai-`,
 * `hf_`, `ghp_`, our own `aip-` and others), JSON web tokens, bearer tokens, values of headers, URL
 * parameters and JSON members named like a key, and the userinfo of URLs. It takes time linear in
 * the length of @message, and masking twice is the same as masking once.
 *
 * Returns: (transfer full): the masked text
 */
char *
aip_log_mask (const char *message)
{
  g_return_val_if_fail (message != NULL, NULL);

  gsize length = strlen (message);
  GString *out = g_string_sized_new (length + 1);

  aip_log_mask_append (out, message, length);
  return g_string_free (out, FALSE);
}
