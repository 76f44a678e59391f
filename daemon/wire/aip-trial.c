/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-trial"

#include "wire/aip-trial.h"

#include <string.h>

#include "base/aip-glob.h"
#include "base/aip-json-peek.h"

/* What the names of a provider's cheap models have in them. */
static const char *const cheap_words[] = { "nano", "mini", "haiku", "flash", "lite", "small" };

/* What the names of models have in them that take no chat, or answer one at a price. */
static const char *const other_words[] = {
  "embed",      "bge",          "whisper",  "tts",     "transcribe", "audio",          "realtime",
  "speech",     "dall-e",       "image",    "imagen",  "veo",        "sora",           "video",
  "moderation", "guard",        "rerank",   "babbage", "davinci",    "turbo-instruct", "search",
  "research",   "computer-use", "robotics", "aqa",     "codex",
};

static gboolean
has_word (const char *name, const char *const *words, gsize n_words)
{
  g_autofree char *lower = g_ascii_strdown (name, -1);

  for (gsize i = 0; i < n_words; i++)
    if (strstr (lower, words[i]) != NULL)
      return TRUE;
  return FALSE;
}

/* "gemini" has "mini" in it, and most that it names are not. */
static gboolean
is_cheap (const char *name)
{
  g_autofree char *lower = g_ascii_strdown (name, -1);

  for (char *word = strstr (lower, "gemini"); word != NULL; word = strstr (word, "gemini"))
    memset (word, '-', strlen ("gemini"));
  return has_word (lower, cheap_words, G_N_ELEMENTS (cheap_words));
}

static gboolean
takes_chat (const char *name)
{
  return !has_word (name, other_words, G_N_ELEMENTS (other_words));
}

/**
 * aip_trial_pick_model:
 * @models: (array zero-terminated=1): what a provider lists
 * @globs: (nullable): what may be asked for, as `models` of the config has it; empty: all
 *
 * Picks the model to try a key with: the first one that @globs name outright, else of those that are listed
 * and fit one that sounds cheap, else one that sounds like chat.
 *
 * Returns: (transfer none) (nullable): a string of @globs or @models; %NULL: there is none
 */
const char *
aip_trial_pick_model (const char *const *models, const char *const *globs)
{
  gboolean all = globs == NULL || globs[0] == NULL;
  const char *chat = NULL;

  g_return_val_if_fail (models != NULL, NULL);

  for (gsize i = 0; !all && globs[i] != NULL; i++)
    if (aip_glob_is_exact (globs[i]))
      return globs[i];
  for (gsize i = 0; models[i] != NULL; i++)
    {
      if (!(all || aip_glob_match_any (globs, models[i])) || !takes_chat (models[i]))
        continue;
      if (is_cheap (models[i]))
        return models[i];
      if (chat == NULL)
        chat = models[i];
    }
  return chat;
}

/**
 * aip_trial_get_endpoint:
 * @dialect: a dialect that is not internal
 *
 * Returns: where aip_trial_make_body () goes, as `dup_url` of @dialect takes it
 */
const char *
aip_trial_get_endpoint (const AipDialect *dialect)
{
  g_return_val_if_fail (dialect != NULL, NULL);

  return dialect->protocols & 1 << AIP_PROTOCOL_ANTHROPIC ? "messages" : "chat/completions";
}

/* OpenAI's newer models refuse the old name, and others may not know the new one. */
static const char *
get_limit_name (const AipDialect *dialect, const char *base_url)
{
  if (dialect == &aip_dialect_openai && strstr (base_url, "://api.openai.com") != NULL)
    return "max_completion_tokens";
  return "max_tokens";
}

/**
 * aip_trial_make_body:
 * @dialect: a dialect that is not internal
 * @base_url: the provider's
 * @model: its name for a model
 *
 * Returns: (transfer full): the request's body, JSON
 */
char *
aip_trial_make_body (const AipDialect *dialect, const char *base_url, const char *model)
{
  GString *out;

  g_return_val_if_fail (dialect != NULL && base_url != NULL && model != NULL, NULL);

  out = g_string_new ("{\"model\":");
  aip_json_append_string (out, model, -1);
  g_string_append_printf (out,
                          ",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"%s\":1,\"stream\":false}",
                          get_limit_name (dialect, base_url));
  return g_string_free (out, FALSE);
}
