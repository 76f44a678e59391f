/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-test"

#include "server/aip-routes.h"

/* How the kinds are written below; the last is the protocol of errors where it is not OpenAI's. */
static const char *const kinds[] = {
  [AIP_ROUTE_UNKNOWN] = "unknown",   [AIP_ROUTE_WRONG_METHOD] = "method", [AIP_ROUTE_CONTROL] = "control",
  [AIP_ROUTE_MODELS] = "models",     [AIP_ROUTE_MODEL] = "model",         [AIP_ROUTE_FORWARD] = "forward",
  [AIP_ROUTE_REALTIME] = "realtime",
};
static const char *const protocols[AIP_N_PROTOCOLS] = { "", " anthropic", " gemini", " ollama" };

static char *
describe (const AipRoute *route)
{
  gboolean named = route->kind != AIP_ROUTE_UNKNOWN && route->kind != AIP_ROUTE_WRONG_METHOD;

  return g_strconcat (
      kinds[route->kind], named ? " " : "", named ? route->endpoint : "", protocols[route->protocol],
      route->json ? " json" : "", route->json && route->needs_model ? " needs-model" : "",
      route->json && route->has_end_mark ? " end-mark" : "", route->implies_stream ? " stream" : "", NULL);
}

typedef struct
{
  const char *method;
  const char *path;
  const char *route;
} Row;

#define CHAT "forward chat/completions json needs-model end-mark"
#define MESSAGES "forward messages anthropic json needs-model end-mark"

static const Row rows[] = {
  { "GET", "/", "control /" },
  { "HEAD", "/", "control /" },
  { "POST", "/", "method" },
  { "GET", "/health", "control /health" },
  { "HEAD", "/health", "control /health" },
  { "GET", "/v1/health", "control /v1/health" },
  { "DELETE", "/v1/health", "method" },
  { "GET", "/status", "control /status" },
  { "GET", "/stats", "control /stats" },
  { "GET", "/metrics", "control /metrics" },
  { "POST", "/metrics", "method" },
  { "GET", "/proxy/health", "control /health" },
  { "GET", "/proxy/metrics", "control /metrics" },
  { "GET", "/proxy/", "control /" },
  { "GET", "/proxy/v1/health", "control /v1/health" },
  { "GET", "/proxy/status", "control /status" },
  { "GET", "/proxy/stats", "control /stats" },
  { "GET", "/api/v1/proxy/health", "control /health" },
  { "GET", "/api/v1/proxy/status", "control /status" },
  { "GET", "/api/v1/proxy/stats", "control /stats" },
  { "GET", "/api/v1/proxy/metrics", "control /metrics" },
  { "POST", "/api/v1/proxy/health", "method" },

  { "POST", "/v1/chat/completions", CHAT },
  { "POST", "/v1/chat/completions/", CHAT },
  { "POST", "/v1/chat/completions//", CHAT },
  { "POST", "/chat/completions", CHAT },
  { "POST", "/proxy/v1/chat/completions", CHAT },
  { "POST", "/proxy/chat/completions", CHAT },
  { "POST", "/api/v1/proxy/chat/completions", CHAT },
  { "POST", "/v1/chat/completions/stream", CHAT " stream" },
  { "POST", "/chat/completions/stream", CHAT " stream" },
  { "POST", "/proxy/v1/chat/completions/stream", CHAT " stream" },
  { "PUT", "/v1/chat/completions", "method" },
  { "DELETE", "/v1/chat/completions/stream", "method stream" },
  { "PATCH", "/v1/chat/completions", "method" },
  { "GET", "/v1/chat/completions", "forward chat/completions" },
  { "POST", "/v1/chat/completions/chatcmpl-1", "forward chat/completions/chatcmpl-1" },
  { "GET", "/v1/chat/completions/chatcmpl-1/messages", "forward chat/completions/chatcmpl-1/messages" },
  { "POST", "/v1/completions", "forward completions json needs-model end-mark" },
  { "POST", "/v1/embeddings", "forward embeddings json needs-model" },
  { "POST", "/embeddings", "forward embeddings json needs-model" },
  { "POST", "/v1/responses", "forward responses json end-mark" },
  { "GET", "/v1/responses/resp_1", "forward responses/resp_1" },
  { "DELETE", "/v1/responses/resp_1", "forward responses/resp_1" },
  { "POST", "/v1/moderations", "forward moderations json" },
  { "POST", "/v1/images/generations", "forward images/generations json" },
  { "POST", "/v1/images/edits", "forward images/edits" },
  { "POST", "/v1/audio/speech", "forward audio/speech json needs-model" },
  { "POST", "/v1/audio/transcriptions", "forward audio/transcriptions" },
  { "POST", "/v1/files", "forward files" },
  { "GET", "/files", "forward files" },
  { "GET", "/v1/files/file-1/content", "forward files/file-1/content" },
  { "POST", "/v1/batches", "forward batches" },
  { "POST", "/v1/fine_tuning/jobs", "forward fine_tuning/jobs" },
  { "POST", "/v1/whatever/comes/next", "forward whatever/comes/next" },
  { "PUT", "/v1/whatever", "forward whatever" },
  { "OPTIONS", "/v1/chat/completions", "forward chat/completions" },

  { "POST", "/v1/messages", MESSAGES },
  { "POST", "/messages", MESSAGES },
  { "POST", "/v1/messages/count_tokens", "forward messages/count_tokens anthropic json needs-model" },

  { "GET", "/v1/models", "models models" },
  { "HEAD", "/v1/models", "models models" },
  { "GET", "/models", "models models" },
  { "GET", "/proxy/models", "models models" },
  { "GET", "/api/v1/proxy/models", "models models" },
  { "GET", "/v1/models/", "models models" },
  { "GET", "/v1/models//", "models models" },
  { "GET", "/models/", "models models" },
  { "GET", "/api/v1/proxy/models/", "models models" },
  { "GET", "/v1/models/gpt-4o", "model gpt-4o" },
  { "GET", "/v1/models/meta-llama/Llama-3", "model meta-llama/Llama-3" },
  { "GET", "/models/a%2Fb", "model a%2Fb" },
  { "DELETE", "/v1/models/ft", "forward models/ft" },

  { "GET", "/v1/realtime", "realtime realtime" },
  { "GET", "/realtime", "realtime realtime" },
  { "GET", "/proxy/v1/realtime", "realtime realtime" },
  { "GET", "/proxy/realtime", "realtime realtime" },
  { "GET", "/api/v1/proxy/realtime", "realtime realtime" },
  { "HEAD", "/v1/realtime", "realtime realtime" },
  { "POST", "/v1/realtime", "forward realtime" },
  { "POST", "/v1/realtime/sessions", "forward realtime/sessions" },
  { "GET", "/v1/realtime/calls", "forward realtime/calls" },

  { "TRACE", "/v1/files", "method" },
  { "CONNECT", "/v1/files", "method" },
  { "BREW", "/v1/files", "method" },

  { "GET", "/nothing", "unknown" },
  { "GET", "/chatter", "unknown" },
  { "GET", "/filesystem", "unknown" },
  { "GET", "/v1", "unknown" },
  { "GET", "/v1/", "unknown" },
  { "GET", "/V1/models", "unknown" },
  { "GET", "/v2/models", "unknown" },
  { "GET", "/v11/models", "unknown" },
  { "GET", "/proxy", "unknown" },
  { "GET", "/proxy/v1", "unknown" },
  { "GET", "/proxy/v1/", "unknown" },
  { "GET", "/proxy/nothing", "unknown" },
  { "GET", "/proxyv1/models", "unknown" },
  { "GET", "/proxy/proxy/v1/models", "unknown" },
  { "GET", "/api/v1/proxy", "unknown ollama" },
  { "GET", "/api/v1/proxy/", "unknown ollama" },
  { "GET", "/healthy", "unknown" },
  { "GET", "/health/", "unknown" },
  { "GET", "/favicon.ico", "unknown" },
  { "OPTIONS", "*", "unknown" },
  { "POST", "/v1beta/models/gemini-pro:generateContent", "unknown gemini" },
  { "POST", "/api/chat", "unknown ollama" },
};

static void
test_table (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      AipRoute route = aip_routes_find (rows[i].method, rows[i].path);
      g_autofree char *text = describe (&route);

      if (!g_str_equal (text, rows[i].route))
        {
          g_test_message ("\"%s\" instead of \"%s\": %s %s", text, rows[i].route, rows[i].method,
                          rows[i].path);
          g_test_fail ();
        }
      if (route.kind == AIP_ROUTE_WRONG_METHOD)
        g_assert_nonnull (route.methods);
    }
}

/* Nothing is both ours and forwarded, whatever is asked with. */
static void
test_methods_agree (void)
{
  static const char *const methods[] = {
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      gboolean control = FALSE;
      gboolean forward = FALSE;
      gboolean unknown = FALSE;

      for (gsize m = 0; m < G_N_ELEMENTS (methods); m++)
        {
          AipRoute route = aip_routes_find (methods[m], rows[i].path);

          control |= route.kind == AIP_ROUTE_CONTROL;
          forward |= route.kind == AIP_ROUTE_FORWARD;
          unknown |= route.kind == AIP_ROUTE_UNKNOWN;
        }
      g_assert_cmpint (control + forward + unknown, ==, 1);
    }
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/server/routes/table", test_table);
  g_test_add_func ("/server/routes/methods-agree", test_methods_agree);

  return g_test_run ();
}
