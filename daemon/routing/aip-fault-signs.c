/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-router"

#include <math.h>
#include <string.h>

#include "base/aip-json-peek.h"
#include "routing/aip-fault-class.h"

#define MAX_BODY (256 * 1024)
#define MAX_RETRY_S (30.0 * 24 * 3600)

/* A piece of the body; not 0-terminated. */
typedef struct
{
  const char *text;
  gsize length;
} Span;

typedef struct
{
  const char *phrase; /* lower case */
  gboolean at_start;
  AipFaultClass fault_class;
} Phrase;

/*
 * What providers say in words alone. A message may repeat what the client wrote, so what would cost the key
 * its place counts at the message's beginning only.
 */
static const Phrase phrases[] = {
  { "your credit balance is too low", TRUE, AIP_FAULT_CLASS_BILLING },
  { "you have reached your specified api usage limits", TRUE, AIP_FAULT_CLASS_BILLING },
  { "insufficient balance", TRUE, AIP_FAULT_CLASS_BILLING },
  { "insufficient credits", TRUE, AIP_FAULT_CLASS_BILLING },
  { "api key not valid", TRUE, AIP_FAULT_CLASS_AUTH },
  { "api key expired", TRUE, AIP_FAULT_CLASS_AUTH },
  { "incorrect api key provided", TRUE, AIP_FAULT_CLASS_AUTH },
  { "request too large for ", TRUE, AIP_FAULT_CLASS_CONTEXT_LENGTH },
  { "maximum context length", FALSE, AIP_FAULT_CLASS_CONTEXT_LENGTH },
  { "prompt is too long", FALSE, AIP_FAULT_CLASS_CONTEXT_LENGTH },
  { "exceed context limit", FALSE, AIP_FAULT_CLASS_CONTEXT_LENGTH },
  { "exceeds the maximum number of tokens", FALSE, AIP_FAULT_CLASS_CONTEXT_LENGTH },
  { "exceeds the available context size", FALSE, AIP_FAULT_CLASS_CONTEXT_LENGTH },
  { "model not exist", TRUE, AIP_FAULT_CLASS_MODEL_MISSING },
  { "not found, try pulling it first", FALSE, AIP_FAULT_CLASS_MODEL_MISSING },
  { "is not found for api version", FALSE, AIP_FAULT_CLASS_MODEL_MISSING },
  { "you do not have permission to access the file", TRUE, AIP_FAULT_CLASS_CLIENT },
  { "your input was flagged", FALSE, AIP_FAULT_CLASS_CLIENT },
};

static gboolean
starts_with (Span span, const char *text)
{
  gsize length = strlen (text);

  return span.length >= length && g_ascii_strncasecmp (span.text, text, length) == 0;
}

static gboolean
contains (Span span, const char *text)
{
  for (; span.length > 0; span.text++, span.length--)
    if (starts_with (span, text))
      return TRUE;
  return FALSE;
}

static Span
trim (Span span, const char *also)
{
  while (span.length > 0 && (g_ascii_isspace (span.text[0]) || strchr (also, span.text[0]) != NULL))
    {
      span.text++;
      span.length--;
    }
  while (span.length > 0 &&
         (g_ascii_isspace (span.text[span.length - 1]) || strchr (also, span.text[span.length - 1]) != NULL))
    span.length--;
  return span;
}

static Span
get_value (Span object, const AipJsonMember *member)
{
  return (Span){ object.text + member->start, member->end - member->start };
}

static Span
get_string (Span object, const AipJsonMember *member)
{
  Span span = get_value (object, member);

  return member->type == AIP_JSON_STRING ? (Span){ span.text + 1, span.length - 2 } : (Span){ "", 0 };
}

/* Keeps words such as names have; anything else is not a code, and would not be fit to be shown. */
static void
set_code (char *code, Span value)
{
  if (value.length >= AIP_FAULT_CODE_SIZE || code[0] != '\0')
    return;
  for (gsize i = 0; i < value.length; i++)
    if (!g_ascii_isalnum (value.text[i]) && strchr ("_-.", value.text[i]) == NULL)
      return;
  for (gsize i = 0; i < value.length; i++)
    code[i] = g_ascii_tolower (value.text[i]);
  code[value.length] = '\0';
}

static void
read_message (AipFaultSigns *signs, Span message)
{
  message = trim (message, "");
  for (gsize i = 0; i < G_N_ELEMENTS (phrases); i++)
    if (phrases[i].at_start ? starts_with (message, phrases[i].phrase)
                            : contains (message, phrases[i].phrase))
      signs->hints |= 1u << phrases[i].fault_class;
}

/* The string that is the value of the first member of this name at any depth. */
static Span
find_string (Span span, const char *name)
{
  g_autofree char *quoted = g_strdup_printf ("\"%s\"", name);
  const char *found = g_strstr_len (span.text, (gssize) span.length, quoted);
  const char *end = NULL;

  if (found == NULL)
    return (Span){ "", 0 };
  found += strlen (quoted);
  span = trim ((Span){ found, (gsize) (span.text + span.length - found) }, ":");
  if (span.length == 0 || span.text[0] != '"')
    return (Span){ "", 0 };
  end = memchr (span.text + 1, '"', span.length - 1);
  return end == NULL ? (Span){ "", 0 } : (Span){ span.text + 1, (gsize) (end - span.text - 1) };
}

/* Google's Duration: "34s", "0.5s". */
static void
read_delay (AipFaultSigns *signs, Span value)
{
  char buffer[32];
  char *end = NULL;

  if (value.length < 2 || value.length >= sizeof buffer || signs->retry_after_us >= 0)
    return;
  memcpy (buffer, value.text, value.length);
  buffer[value.length] = '\0';

  double seconds = g_ascii_strtod (buffer, &end);
  if (end != buffer && g_str_equal (end, "s") && seconds >= 0 && seconds <= MAX_RETRY_S)
    signs->retry_after_us = (gint64) ceil (seconds * G_USEC_PER_SEC);
}

/* Where Google and Anthropic say it more closely. */
static void
read_details (AipFaultSigns *signs, Span details)
{
  Span reason = find_string (details, "reason");
  Span code = find_string (details, "error_code");

  read_delay (signs, find_string (details, "retryDelay"));
  if (code.length > 0 || reason.length > 0)
    {
      char close[AIP_FAULT_CODE_SIZE] = "";

      set_code (close, code.length > 0 ? code : reason);
      if (close[0] != '\0')
        memcpy (signs->code, close, sizeof close);
    }
}

/* Only what can be a code goes in: a string, or a number such as 429. */
static void
read_code (char *code, Span object, const AipJsonMember *member)
{
  if (member->type == AIP_JSON_STRING)
    set_code (code, get_string (object, member));
  else if (member->type == AIP_JSON_NUMBER)
    set_code (code, get_value (object, member));
}

static void
read_error (AipFaultSigns *signs, Span object)
{
  AipJsonMember members[] = {
    { .name = "code" },    { .name = "type" },    { .name = "status" },
    { .name = "message" }, { .name = "details" },
  };

  if (!aip_json_peek (object.text, object.length, members, G_N_ELEMENTS (members), NULL))
    return;
  /* Google's `code` is the HTTP status, and `status` is the code. */
  if (members[2].type == AIP_JSON_STRING)
    read_code (signs->code, object, &members[2]);
  read_code (signs->code, object, &members[0]);
  read_code (signs->type, object, &members[1]);
  read_message (signs, get_string (object, &members[3]));
  if (members[4].type == AIP_JSON_ARRAY || members[4].type == AIP_JSON_OBJECT)
    read_details (signs, get_value (object, &members[4]));
}

static gboolean
is_zero (Span number)
{
  return number.length == 1 && number.text[0] == '0';
}

/* Baidu's numbers are too short to mean anything without saying whose they are. */
static void
read_baidu (AipFaultSigns *signs, Span number, Span message)
{
  char code[AIP_FAULT_CODE_SIZE];

  if (number.length >= sizeof code - strlen ("baidu-"))
    return;
  g_snprintf (code, sizeof code, "baidu-%.*s", (int) number.length, number.text);
  set_code (signs->code, (Span){ code, strlen (code) });
  read_message (signs, message);
}

static void
read_body (AipFaultSigns *signs, Span body)
{
  AipJsonMember members[] = {
    { .name = "error" }, { .name = "message" }, { .name = "error_code" }, { .name = "error_msg" }
  };

  if (body.length > MAX_BODY)
    return;
  /* Google wraps the errors of streams in an array. */
  if (body.length > 0 && body.text[0] == '[')
    body = trim (body, "[]");
  if (!aip_json_peek (body.text, body.length, members, G_N_ELEMENTS (members), NULL))
    return;
  if (members[0].type == AIP_JSON_OBJECT)
    {
      signs->is_error = TRUE;
      read_error (signs, get_value (body, &members[0]));
    }
  else if (members[0].type == AIP_JSON_STRING)
    {
      signs->is_error = TRUE;
      read_message (signs, get_string (body, &members[0]));
    }
  else if (members[2].type == AIP_JSON_NUMBER && !is_zero (get_value (body, &members[2])))
    {
      signs->is_error = TRUE;
      read_baidu (signs, get_value (body, &members[2]), get_string (body, &members[3]));
    }
  else if (signs->status >= 400 && members[1].type == AIP_JSON_STRING)
    {
      signs->is_error = TRUE;
      read_error (signs, body);
    }
}

static gboolean
is_html (Span type, Span body)
{
  return starts_with (type, "text/html") || starts_with (body, "<!doctype html") ||
         starts_with (body, "<html");
}

/**
 * aip_fault_normalise:
 * @input: how an attempt ended
 * @signs: (out caller-allocates): the same in one form for all providers
 *
 * The first stage: reads the provider's body, header and status. What is broken or too long counts as not
 * said.
 */
void
aip_fault_normalise (const AipFaultInput *input, AipFaultSigns *signs)
{
  g_return_if_fail (input != NULL && signs != NULL);

  Span body = { input->body, input->body == NULL ? 0 : input->body_length };
  Span type = { input->content_type, input->content_type == NULL ? 0 : input->content_type_length };

  memset (signs, 0, sizeof *signs);
  signs->transport = input->transport;
  signs->status = input->status;
  signs->names_model = input->names_model;
  signs->retry_after_us = MAX (input->retry_after_us, -1);
  body = trim (body, "");
  signs->html = is_html (type, body);
  if (body.length > 0 && !signs->html)
    read_body (signs, body);
}
