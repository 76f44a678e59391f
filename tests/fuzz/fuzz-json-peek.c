/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-fuzz"

#include "base/aip-json-peek.h"

#include <string.h>

#include "fuzz.h"

static const char *const names[] = { "model", "stream", "messages" };
static const char new_value[] = "new \"value\"\\\n\344\270\255";

static void
reset (AipJsonMember *members)
{
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    members[i] = (AipJsonMember){ .name = names[i] };
}

/* A value on its own is a value of the same type. */
static void
check_value (const char *text, const AipJsonMember *member)
{
  g_autoptr (GString) alone = g_string_new ("{\"x\":");
  AipJsonMember found = { .name = "x" };

  g_string_append_len (alone, text + member->start, (gssize) (member->end - member->start));
  g_string_append_c (alone, '}');
  g_assert_true (aip_json_peek (alone->str, alone->len, &found, 1, NULL));
  g_assert_cmpint (found.type, ==, member->type);
  g_assert_cmpuint (found.end, ==, alone->len - 1);
}

static void
check_members (const char *text, gsize size, const AipJsonMember *members)
{
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      if (members[i].type == AIP_JSON_ABSENT)
        continue;

      g_assert_cmpuint (members[i].start, <, members[i].end);
      g_assert_cmpuint (members[i].end, <, size);

      check_value (text, &members[i]);
    }
}

/* The other members are where they were, or moved by the difference in length. */
static void
check_replaced (GBytes *before, GBytes *after, const AipJsonMember *members)
{
  AipJsonMember found[G_N_ELEMENTS (names)];
  gsize size = 0;
  gsize new_size = 0;
  const char *text = g_bytes_get_data (before, &size);
  const char *new_text = g_bytes_get_data (after, &new_size);
  gsize start = members[0].start;
  gsize tail = size - members[0].end;

  reset (found);
  g_assert_true (aip_json_peek (new_text, new_size, found, G_N_ELEMENTS (found), NULL));

  g_autofree char *value = aip_json_member_dup_string (new_text, &found[0]);
  g_assert_cmpstr (value, ==, new_value);
  g_assert_cmpuint (found[0].start, ==, start);
  g_assert_cmpmem (new_text, start, text, start);
  g_assert_cmpmem (new_text + found[0].end, new_size - found[0].end, text + members[0].end, tail);

  for (gsize i = 1; i < G_N_ELEMENTS (names); i++)
    {
      g_assert_cmpint (found[i].type, ==, members[i].type);
      g_assert_cmpmem (new_text + found[i].start, found[i].end - found[i].start, text + members[i].start,
                       members[i].end - members[i].start);
    }
}

static void
check_append (const char *bytes, gsize size)
{
  g_autoptr (GString) text = g_string_new ("{\"model\":");
  AipJsonMember member = { .name = "model" };

  aip_json_append_string (text, bytes, (gssize) size);
  g_string_append_c (text, '}');
  g_assert_true (aip_json_peek (text->str, text->len, &member, 1, NULL));
  g_assert_cmpint (member.type, ==, AIP_JSON_STRING);

  if (!g_utf8_validate_len (bytes, size, NULL))
    return;

  g_autofree char *back = aip_json_member_dup_string (text->str, &member);
  g_assert_nonnull (back);
  g_assert_cmpmem (back, strlen (back), bytes, size);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = (const char *) data;
  AipJsonMember members[G_N_ELEMENTS (names)];
  g_autoptr (GError) error = NULL;

  reset (members);
  check_append (text, size);

  gboolean any_value = aip_json_check (text, size, NULL);

  if (!aip_json_peek (text, size, members, G_N_ELEMENTS (members), &error))
    {
      g_assert_nonnull (error);
      return 0;
    }

  g_assert_no_error (error);
  g_assert_true (any_value);
  g_assert_true (g_utf8_validate_len (text, size, NULL));
  check_members (text, size, members);

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *value = aip_json_member_dup_string (text, &members[i]);

      g_assert_true (value == NULL || g_utf8_validate (value, -1, NULL));
    }

  if (members[0].type != AIP_JSON_STRING)
    return 0;

  g_autoptr (GBytes) before = g_bytes_new_static (text, size);
  g_autoptr (GBytes) after = aip_json_replace_string (before, &members[0], new_value);

  check_replaced (before, after, members);
  return 0;
}
