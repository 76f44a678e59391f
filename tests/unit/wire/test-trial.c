/* SPDX-License-Identifier: MIT */
#include <json-glib/json-glib.h>

#include "wire/aip-trial.h"

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const char *const none[] = { NULL };

static void
test_model_of_the_config (void)
{
  g_assert_cmpstr (aip_trial_pick_model (LIST ("a-mini"), LIST ("gpt-*", "own", "other")), ==, "own");
  g_assert_cmpstr (aip_trial_pick_model (none, LIST ("own")), ==, "own");
  g_assert_cmpstr (aip_trial_pick_model (LIST ("a-mini", "gpt-4", "gpt-4-mini"), LIST ("gpt-*")), ==,
                   "gpt-4-mini");
  g_assert_null (aip_trial_pick_model (LIST ("a-mini"), LIST ("gpt-*")));
}

static void
test_model_of_the_list (void)
{
  g_assert_cmpstr (aip_trial_pick_model (LIST ("gpt-4o", "gpt-4o-mini"), NULL), ==, "gpt-4o-mini");
  g_assert_cmpstr (aip_trial_pick_model (LIST ("Opus", "Claude-Haiku"), none), ==, "Claude-Haiku");
  g_assert_cmpstr (aip_trial_pick_model (LIST ("gemini-pro", "gemini-flash"), NULL), ==, "gemini-flash");
  g_assert_cmpstr (aip_trial_pick_model (LIST ("x-embed-small", "tts-1", "big"), NULL), ==, "big");
  g_assert_cmpstr (aip_trial_pick_model (LIST ("gpt-4o-mini-tts", "gpt-4o-mini"), NULL), ==, "gpt-4o-mini");
  g_assert_null (aip_trial_pick_model (LIST ("whisper-1", "dall-e-3"), NULL));
  g_assert_null (aip_trial_pick_model (none, NULL));
}

static void
assert_body (const AipDialect *dialect, const char *base_url, const char *model, const char *limit)
{
  g_autofree char *body = aip_trial_make_body (dialect, base_url, model);
  g_autoptr (JsonNode) root = json_from_string (body, NULL);
  JsonObject *object = json_node_get_object (root);

  g_assert_cmpuint (json_object_get_size (object), ==, 4);
  g_assert_cmpstr (json_object_get_string_member (object, "model"), ==, model);
  g_assert_cmpint (json_object_get_int_member (object, limit), ==, 1);
  g_assert_false (json_object_get_boolean_member (object, "stream"));
  g_assert_cmpuint (json_array_get_length (json_object_get_array_member (object, "messages")), ==, 1);
}

static void
test_bodies (void)
{
  assert_body (&aip_dialect_openai, "https://api.openai.com/v1", "gpt", "max_completion_tokens");
  assert_body (&aip_dialect_openai, "http://127.0.0.1:1/v1", "a \"b\"\n\\", "max_tokens");
  assert_body (&aip_dialect_anthropic, "https://api.anthropic.com", "haiku", "max_tokens");
}

static void
test_endpoints (void)
{
  g_assert_cmpstr (aip_trial_get_endpoint (&aip_dialect_anthropic), ==, "messages");
  g_assert_cmpstr (aip_trial_get_endpoint (&aip_dialect_openai), ==, "chat/completions");
  g_assert_cmpstr (aip_trial_get_endpoint (&aip_dialect_gemini), ==, "chat/completions");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/trial/model-of-the-config", test_model_of_the_config);
  g_test_add_func ("/wire/trial/model-of-the-list", test_model_of_the_list);
  g_test_add_func ("/wire/trial/bodies", test_bodies);
  g_test_add_func ("/wire/trial/endpoints", test_endpoints);
  return g_test_run ();
}
