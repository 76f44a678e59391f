/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-usage-scan"

#include "wire/aip-usage-scan.h"

#include <string.h>

/* The scan is an automaton whose state fits between any two bytes, so that blocks may be split anywhere:
 *
 *   TEXT --"--> NAME --"--> COLON --:--> VALUE --> NUMBER | STRING | a usage object (TEXT, depth > 0)
 *
 * Outside a usage object it does not know whether a quote opens or closes a string, and need not: in valid
 * JSON a name that stands between two quotes and before a colon is a member, for quotes inside of strings
 * have a backslash before them. That lets memchr() skip nearly all of an answer. Inside a usage object
 * each byte is looked at, and strings are told from structure.
 */

#define OBJECT_MAX 2048 /* bytes of a usage object; the largest known ones have 600 */
#define COUNT_MAX G_GUINT64_CONSTANT (1000000000000)
#define DONE_MARK "data:[DONE]"
#define DONE_SPACE 5 /* where blanks may stand in it */
#define DONE_SKIP 0xff

typedef enum
{
  STATE_TEXT,
  STATE_NAME,
  STATE_COLON,
  STATE_VALUE,
  STATE_NUMBER,
  STATE_STRING,       /* the value of "type" */
  STATE_SKIP,         /* a string inside a usage object that is of no interest */
  STATE_SKIP_ESCAPED, /* the byte behind a backslash in one */
} State;

typedef enum
{
  KEY_NONE,
  KEY_USAGE,
  KEY_END_STRING, /* any string as its value ends the stream */
  KEY_END_TRUE,
  KEY_TYPE,
  KEY_PIECE,
  KEY_COUNT, /* KEY_COUNT + an AipUsageCount */
} Key;

typedef struct
{
  const char *name;
  guint8 length;
  guint8 key;
  guint8 protocols;
} Name;

#define OPENAI (1 << AIP_PROTOCOL_OPENAI)
#define ANTHROPIC (1 << AIP_PROTOCOL_ANTHROPIC)
#define GEMINI (1 << AIP_PROTOCOL_GEMINI)
#define OLLAMA (1 << AIP_PROTOCOL_OLLAMA)
#define NAME(text, what, where)                                                                              \
  {                                                                                                          \
    text, sizeof (text) - 1, what, where                                                                     \
  }

static const Name outer_names[] = {
  NAME ("usage", KEY_USAGE, OPENAI | ANTHROPIC),
  NAME ("finish_reason", KEY_END_STRING, OPENAI),
  NAME ("type", KEY_TYPE, OPENAI | ANTHROPIC),
  NAME ("delta", KEY_PIECE, OPENAI | ANTHROPIC),
  NAME ("text", KEY_PIECE, OPENAI), /* of the legacy completions */
  NAME ("usageMetadata", KEY_USAGE, GEMINI),
  NAME ("finishReason", KEY_END_STRING, GEMINI),
  NAME ("done", KEY_END_TRUE, OLLAMA),
  NAME ("prompt_eval_count", KEY_COUNT + AIP_USAGE_PROMPT, OLLAMA),
  NAME ("eval_count", KEY_COUNT + AIP_USAGE_COMPLETION, OLLAMA),
};

/* Members of the usage object itself. */
static const Name usage_names[] = {
  NAME ("prompt_tokens", KEY_COUNT + AIP_USAGE_PROMPT, OPENAI),
  NAME ("completion_tokens", KEY_COUNT + AIP_USAGE_COMPLETION, OPENAI),
  NAME ("input_tokens", KEY_COUNT + AIP_USAGE_INPUT, OPENAI | ANTHROPIC),
  NAME ("output_tokens", KEY_COUNT + AIP_USAGE_OUTPUT, OPENAI | ANTHROPIC),
  NAME ("cache_read_input_tokens", KEY_COUNT + AIP_USAGE_CACHE_READ, ANTHROPIC),
  NAME ("cache_creation_input_tokens", KEY_COUNT + AIP_USAGE_CACHE_WRITE, ANTHROPIC),
  NAME ("prompt_cache_hit_tokens", KEY_COUNT + AIP_USAGE_CACHED, OPENAI),
  NAME ("promptTokenCount", KEY_COUNT + AIP_USAGE_PROMPT, GEMINI),
  NAME ("candidatesTokenCount", KEY_COUNT + AIP_USAGE_COMPLETION, GEMINI),
  NAME ("thoughtsTokenCount", KEY_COUNT + AIP_USAGE_THOUGHTS, GEMINI),
  NAME ("cachedContentTokenCount", KEY_COUNT + AIP_USAGE_CACHED, GEMINI),
};

/* Members of an object inside it, such as "prompt_tokens_details". */
static const Name detail_names[] = {
  NAME ("cached_tokens", KEY_COUNT + AIP_USAGE_CACHED, OPENAI),
};

/* What the last event of a stream says it is: Anthropic's messages, OpenAI's responses, and OpenAI's streams
 * of audio and images, which have no other end mark. */
static const char *const end_types[] = {
  "message_stop",         "response.completed", "response.incomplete",        "response.failed",
  "transcript.text.done", "speech.audio.done",  "image_generation.completed", "image_edit.completed",
};

static guint8
find_in (const AipUsageScan *self, const Name *names, gsize n_names)
{
  for (gsize i = 0; i < n_names; i++)
    {
      if (names[i].length == self->n_word && (names[i].protocols & (1u << self->protocol)) != 0 &&
          memcmp (names[i].name, self->word, self->n_word) == 0)
        return names[i].key;
    }
  return KEY_NONE;
}

static guint8
find_key (const AipUsageScan *self)
{
  switch (self->depth)
    {
    case 0:
      return find_in (self, outer_names, G_N_ELEMENTS (outer_names));
    case 1:
      return find_in (self, usage_names, G_N_ELEMENTS (usage_names));
    case 2:
      return find_in (self, detail_names, G_N_ELEMENTS (detail_names));
    default:
      return KEY_NONE;
    }
}

static gboolean
is_name_char (char c)
{
  return g_ascii_isalpha (c) || c == '_';
}

static gboolean
is_space (char c)
{
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
merge (AipUsageCounts *into, const AipUsageCounts *from)
{
  for (guint i = 0; i < AIP_N_USAGE_COUNTS; i++)
    {
      if ((from->seen & (1u << i)) != 0)
        into->value[i] = from->value[i];
    }
  into->seen |= from->seen;
}

/* Anthropic gives the input at a message's start and the output, cumulative, with its deltas: what a later
 * object does not name stays. Elsewhere the last object is the whole truth. */
static void
end_usage (AipUsageScan *self)
{
  if (self->pending.seen == 0)
    return;
  if (self->protocol == AIP_PROTOCOL_ANTHROPIC)
    merge (&self->counts, &self->pending);
  else
    self->counts = self->pending;
}

static void
end_number (AipUsageScan *self)
{
  AipUsageCounts *counts = self->depth > 0 ? &self->pending : &self->counts;
  guint which = self->key - KEY_COUNT;

  counts->value[which] = MIN (self->number, COUNT_MAX);
  counts->seen |= 1u << which;
  self->state = STATE_TEXT;
}

static void
end_type (AipUsageScan *self)
{
  self->state = STATE_TEXT;
  for (gsize i = 0; i < G_N_ELEMENTS (end_types); i++)
    {
      if (strlen (end_types[i]) == self->n_word && memcmp (end_types[i], self->word, self->n_word) == 0)
        self->finished = TRUE;
    }
}

/* Whether a name of interest outside a usage object begins so. */
static gboolean
may_begin_name (char c)
{
  switch (c)
    {
    case 'u':
    case 'f':
    case 't':
    case 'd':
    case 'p':
    case 'e':
      return TRUE;
    default:
      return FALSE;
    }
}

static gboolean
is_escaped (const AipUsageScan *self, const char *data, gsize at)
{
  return (at > 0 ? (guint8) data[at - 1] : self->previous) == '\\';
}

/* --- where a name may begin, outside a usage object; each returns the place, or the end of the block --- */

/* Behind the next quote that a name of interest follows. */
static gsize
find_quote (AipUsageScan *self, const char *data, gsize length, gsize from)
{
  while (from < length)
    {
      const char *quote = memchr (data + from, '"', length - from);

      if (quote == NULL)
        return length;
      gsize at = quote - data;
      from = at + 1;
      if (is_escaped (self, data, at) || (from < length && !may_begin_name (data[from])))
        continue;
      self->n_word = 0;
      self->state = STATE_NAME;
      return from;
    }
  return length;
}

static const char usage_prefix[] = { '"', 'u', 's', 'a', 'g', 'e' };

/* How much of "usage the block ends with, so that it may go on in the next one. */
static guint8
ends_with_prefix (const AipUsageScan *self, const char *data, gsize length, gsize from)
{
  for (gsize n = MIN (sizeof usage_prefix - 1, length - from); n > 0; n--)
    if (memcmp (data + length - n, usage_prefix, n) == 0)
      return is_escaped (self, data, length - n) ? 0 : (guint8) n;
  return 0;
}

/* Goes on behind "usage, or to the end of the block. */
static gsize
find_prefix (AipUsageScan *self, const char *data, gsize length, gsize from)
{
  while (from < length && self->n_prefix > 0 && self->n_prefix < sizeof usage_prefix)
    {
      if (data[from] == usage_prefix[self->n_prefix])
        {
          self->n_prefix++;
          from++;
        }
      else
        self->n_prefix = 0;
    }
  while (from < length && self->n_prefix == 0)
    {
      const char *hit = memmem (data + from, length - from, usage_prefix, sizeof usage_prefix);

      if (hit == NULL)
        {
          self->n_prefix = ends_with_prefix (self, data, length, from);
          return length;
        }
      if (!is_escaped (self, data, hit - data))
        self->n_prefix = sizeof usage_prefix;
      from = hit - data + (self->n_prefix > 0 ? sizeof usage_prefix : 1);
    }
  return from;
}

/* In an answer that is no stream only the usage object is of interest, and most of the text is before it. */
static gsize
find_name (AipUsageScan *self, const char *data, gsize length, gsize from)
{
  if (self->stream || self->protocol == AIP_PROTOCOL_OLLAMA)
    return find_quote (self, data, length, from);

  from = find_prefix (self, data, length, from);
  if (self->n_prefix == sizeof usage_prefix)
    {
      self->n_prefix = 0;
      self->n_word = sizeof usage_prefix - 1;
      memcpy (self->word, usage_prefix + 1, self->n_word);
      self->state = STATE_NAME;
    }
  return from;
}

/* --- one state each: takes what belongs to it, and returns where that ends; what ended it is taken with it
 * or looked at again in the next state --- */

/* Only inside a usage object; outside, find_name () is faster. */
static gsize
run_text (AipUsageScan *self, const char *data, gsize end, gsize from)
{
  for (; from < end && self->state == STATE_TEXT && self->depth > 0; from++)
    {
      switch (data[from])
        {
        case '"':
          self->n_word = 0;
          self->state = STATE_NAME;
          break;
        case '{':
        case '[':
          self->depth++;
          break;
        case '}':
        case ']':
          if (--self->depth == 0)
            end_usage (self);
          break;
        default:
          break;
        }
    }
  return from;
}

static gsize
take_word (AipUsageScan *self, const char *data, gsize length)
{
  gsize n = 0;

  while (n < length && is_name_char (data[n]))
    n++;
  memcpy (self->word + self->n_word, data, n);
  self->n_word += n;
  return n;
}

static gsize
run_name (AipUsageScan *self, const char *data, gsize end, gsize from)
{
  if (self->depth == 0 && self->n_word == 0 && !may_begin_name (data[from]))
    {
      self->state = STATE_TEXT;
      return from;
    }
  from += take_word (self, data + from, MIN (end - from, sizeof self->word - self->n_word));
  if (from == end)
    return from;
  if (data[from] == '"')
    {
      self->key = find_key (self);
      self->state = self->key != KEY_NONE ? STATE_COLON : STATE_TEXT;
      return from + 1;
    }
  self->state = self->depth > 0 ? STATE_SKIP : STATE_TEXT;
  return from;
}

static gsize
run_colon (AipUsageScan *self, const char *data, gsize end, gsize from)
{
  while (from < end && is_space (data[from]))
    from++;
  if (from == end)
    return from;
  self->state = data[from] == ':' ? STATE_VALUE : STATE_TEXT;
  return data[from] == ':' ? from + 1 : from;
}

/* What a value begins with says what it is. */
static gsize
begin_value (AipUsageScan *self, char c, gsize from)
{
  self->state = STATE_TEXT;
  if (self->key >= KEY_COUNT && g_ascii_isdigit (c))
    {
      self->number = 0;
      self->state = STATE_NUMBER;
      return from;
    }
  if (self->key == KEY_USAGE && c == '{')
    {
      self->depth = 1;
      self->n_object = 0;
      self->pending = (AipUsageCounts){ 0 };
      return from + 1;
    }
  if (self->key == KEY_TYPE && c == '"')
    {
      self->n_word = 0;
      self->state = STATE_STRING;
      return from + 1;
    }
  if (self->key == KEY_PIECE)
    self->pieces++;
  if ((self->key == KEY_END_STRING && c == '"') || (self->key == KEY_END_TRUE && c == 't'))
    self->finished = TRUE;
  return from;
}

static gsize
run_value (AipUsageScan *self, const char *data, gsize end, gsize from)
{
  while (from < end && is_space (data[from]))
    from++;
  return from == end ? from : begin_value (self, data[from], from);
}

static gsize
run_number (AipUsageScan *self, const char *data, gsize end, gsize from)
{
  for (; from < end && g_ascii_isdigit (data[from]); from++)
    if (self->number < COUNT_MAX)
      self->number = self->number * 10 + (guint) (data[from] - '0');
  if (from < end)
    end_number (self);
  return from;
}

static gsize
run_string (AipUsageScan *self, const char *data, gsize end, gsize from)
{
  while (from < end && data[from] != '"' && data[from] != '\\' && self->n_word < sizeof self->word)
    self->word[self->n_word++] = data[from++];
  if (from == end)
    return from;
  if (data[from] == '"')
    {
      end_type (self);
      return from + 1;
    }
  self->state = STATE_TEXT;
  return from;
}

static gsize
run_skip (AipUsageScan *self, const char *data, gsize end, gsize from)
{
  while (from < end && data[from] != '"' && data[from] != '\\')
    from++;
  if (from == end)
    return from;
  self->state = data[from] == '"' ? STATE_TEXT : STATE_SKIP_ESCAPED;
  return from + 1;
}

static gsize
run (AipUsageScan *self, const char *data, gsize end, gsize from)
{
  switch ((State) self->state)
    {
    case STATE_TEXT:
      return self->depth > 0 ? run_text (self, data, end, from) : find_name (self, data, end, from);
    case STATE_NAME:
      return run_name (self, data, end, from);
    case STATE_COLON:
      return run_colon (self, data, end, from);
    case STATE_VALUE:
      return run_value (self, data, end, from);
    case STATE_NUMBER:
      return run_number (self, data, end, from);
    case STATE_STRING:
      return run_string (self, data, end, from);
    case STATE_SKIP:
      return run_skip (self, data, end, from);
    case STATE_SKIP_ESCAPED:
      self->state = STATE_SKIP;
      return from + 1;
    }
  g_assert_not_reached ();
}

static void
scan_json (AipUsageScan *self, const char *data, gsize length)
{
  for (gsize i = 0, next; i < length; i = next)
    {
      gboolean inside = self->depth > 0;

      if (inside && self->n_object > OBJECT_MAX)
        {
          self->depth = 0;
          self->state = STATE_TEXT;
          next = i;
          continue;
        }
      /* A usage object has its limit wherever the blocks are split. */
      next = run (self, data, inside ? MIN (length, i + OBJECT_MAX + 1 - self->n_object) : length, i);
      self->n_object += inside ? next - i : 0;
    }
}

/* OpenAI's end mark is no JSON: a line of its own, "data: [DONE]". In a text it cannot start a line, for JSON
 * escapes line ends. */
static void
scan_done_mark (AipUsageScan *self, const char *data, gsize length)
{
  gsize i = 0;

  while (i < length && !self->finished)
    {
      if (self->n_mark == DONE_SKIP)
        {
          const char *end = memchr (data + i, '\n', length - i);

          if (end == NULL)
            return;
          i = end - data + 1;
          self->n_mark = 0;
          continue;
        }

      char c = data[i];

      if (c == DONE_MARK[self->n_mark])
        {
          self->n_mark++;
          self->finished = self->n_mark == strlen (DONE_MARK);
        }
      else if (c == '\n' || c == '\r')
        self->n_mark = 0;
      else if (self->n_mark != DONE_SPACE || c != ' ')
        self->n_mark = DONE_SKIP;
      i++;
    }
}

/**
 * aip_usage_scan_init:
 * @self: a scan
 * @protocol: what the answer is written in
 * @stream: whether it is a stream of events (or of lines)
 *
 * Prepares a scan for one answer. There is nothing to free.
 */
void
aip_usage_scan_init (AipUsageScan *self, AipProtocol protocol, gboolean stream)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail ((guint) protocol < AIP_N_PROTOCOLS);

  *self = (AipUsageScan){ .protocol = protocol, .stream = stream };
}

/**
 * aip_usage_scan_feed:
 * @self: a scan
 * @data: the next bytes of the answer's body, without any transfer coding
 * @length: how many
 *
 * Looks at the next block of the answer. How the answer is split into blocks makes no difference.
 */
void
aip_usage_scan_feed (AipUsageScan *self, const char *data, gsize length)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (data != NULL || length == 0);

  if (length == 0)
    return;
  scan_json (self, data, length);
  if (self->stream && self->protocol == AIP_PROTOCOL_OPENAI && !self->finished)
    scan_done_mark (self, data, length);
  self->previous = (guint8) data[length - 1];
}

static guint64
pick (const AipUsageCounts *counts, AipUsageCount first, AipUsageCount second)
{
  return counts->value[(counts->seen & (1u << first)) != 0 ? first : second];
}

/**
 * aip_usage_scan_get_usage:
 * @self: a scan
 *
 * What the answer has said about its cost so far. Anthropic counts cached input apart, OpenAI and Gemini
 * within the input; Gemini counts thoughts apart. Both are evened out here.
 *
 * Returns: the usage; but for its pieces all zero when the answer said nothing
 */
AipUsage
aip_usage_scan_get_usage (const AipUsageScan *self)
{
  AipUsage usage = { 0 };

  g_return_val_if_fail (self != NULL, usage);

  const AipUsageCounts *counts = &self->counts;
  usage.known = counts->seen != 0;
  usage.input_tokens = pick (counts, AIP_USAGE_PROMPT, AIP_USAGE_INPUT);
  usage.input_tokens += counts->value[AIP_USAGE_CACHE_READ] + counts->value[AIP_USAGE_CACHE_WRITE];
  usage.output_tokens = pick (counts, AIP_USAGE_COMPLETION, AIP_USAGE_OUTPUT);
  usage.output_tokens += counts->value[AIP_USAGE_THOUGHTS];
  usage.cached_tokens = pick (counts, AIP_USAGE_CACHED, AIP_USAGE_CACHE_READ);
  usage.cache_write_tokens = counts->value[AIP_USAGE_CACHE_WRITE];
  if (self->stream && !(usage.known && self->finished))
    usage.pieces = self->pieces;
  return usage;
}

/**
 * aip_usage_scan_saw_end:
 * @self: a scan
 *
 * Whether a stream has come to the end that its protocol prescribes: OpenAI "data: [DONE]" or a finish
 * reason (or the last event of the responses API), Anthropic "message_stop", Gemini a finish reason, Ollama
 * "done":true.
 *
 * Returns: %FALSE while that is missing; always %TRUE for an answer that is no stream, whose framing tells
 */
gboolean
aip_usage_scan_saw_end (const AipUsageScan *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return !self->stream || self->finished;
}
