/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-routes"

#include "server/aip-routes.h"

#include <string.h>

static const char *const control_paths[] = {
  "/", "/health", "/v1/health", "/status", "/stats", "/metrics", NULL,
};

/* What is reached without "/v1" in front too. */
static const char *const bare_names[] = {
  "assistants",    "audio",         "batches",     "chat",     "completions", "containers",
  "conversations", "embeddings",    "evals",       "files",    "fine_tuning", "images",
  "messages",      "models",        "moderations", "realtime", "responses",   "threads",
  "uploads",       "vector_stores", "videos",      NULL,
};

/* Endpoints whose body is JSON with a model in it; everything else is forwarded as it comes. */
static const struct
{
  const char *endpoint;
  AipRoute route;
} json_routes[] = {
  { "chat/completions", { .answers_json = TRUE, .needs_model = TRUE, .has_end_mark = TRUE } },
  { "completions", { .answers_json = TRUE, .needs_model = TRUE, .has_end_mark = TRUE } },
  { "embeddings", { .answers_json = TRUE, .needs_model = TRUE } },
  { "responses", { .answers_json = TRUE, .has_end_mark = TRUE } },
  { "moderations", { .answers_json = TRUE, .needs_model = FALSE } },
  { "images/generations", { .answers_json = TRUE, .needs_model = FALSE } },
  { "audio/speech", { .needs_model = TRUE } },
  { "messages",
    { .protocol = AIP_PROTOCOL_ANTHROPIC, .answers_json = TRUE, .needs_model = TRUE, .has_end_mark = TRUE } },
  { "messages/count_tokens", { .protocol = AIP_PROTOCOL_ANTHROPIC, .needs_model = TRUE } },
};

static const char *const methods[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", NULL };

/* Returns what stands behind @prefix and a slash, or NULL. */
static const char *
behind (const char *path, const char *prefix)
{
  gsize length = strlen (prefix);

  return strncmp (path, prefix, length) == 0 && path[length] == '/' ? path + length + 1 : NULL;
}

static gboolean
is_bare_name (const char *path)
{
  for (gsize i = 0; bare_names[i] != NULL; i++)
    if (g_str_equal (path + 1, bare_names[i]) || behind (path + 1, bare_names[i]) != NULL)
      return TRUE;
  return FALSE;
}

/* "/v1/X", "/X", "/proxy/v1/X", "/proxy/X", "/api/v1/proxy/X" -> "X"; NULL when it is none of them. */
static const char *
endpoint_of (const char *path)
{
  const char *rest = behind (path, "/api/v1/proxy");

  if (rest != NULL)
    return *rest != '\0' ? rest : NULL;
  rest = behind (path, "/proxy");
  if (rest != NULL)
    path = rest - 1;
  rest = behind (path, "/v1");
  if (rest != NULL && *rest != '\0')
    return rest;
  return is_bare_name (path) ? path + 1 : NULL;
}

static AipProtocol
protocol_of_foreign (const char *path)
{
  if (behind (path, "/v1beta") != NULL)
    return AIP_PROTOCOL_GEMINI;
  return behind (path, "/api") != NULL ? AIP_PROTOCOL_OLLAMA : AIP_PROTOCOL_OPENAI;
}

/* "/proxy/X", "/api/v1/proxy/X" -> "/X" */
static const char *
without_alias (const char *path)
{
  const char *rest = behind (path, "/api/v1/proxy");

  if (rest != NULL && *rest != '\0')
    return rest - 1;
  rest = behind (path, "/proxy");
  return rest != NULL ? rest - 1 : path;
}

static AipRoute
find_control (const char *method, const char *path)
{
  const char *plain = without_alias (path);
  AipRoute route = { .kind = AIP_ROUTE_UNKNOWN };

  for (gsize i = 0; control_paths[i] != NULL; i++)
    if (g_str_equal (plain, control_paths[i]))
      {
        gboolean reads = g_str_equal (method, "GET") || g_str_equal (method, "HEAD");

        route.kind = reads ? AIP_ROUTE_CONTROL : AIP_ROUTE_WRONG_METHOD;
        route.endpoint = control_paths[i];
        route.methods = "GET, HEAD";
      }
  return route;
}

/* A slash at the end is no other endpoint, and no way around what holds for this one. */
static gboolean
is_same (const char *endpoint, const char *known)
{
  gsize length = strlen (known);

  return strncmp (endpoint, known, length) == 0 && endpoint[length + strspn (endpoint + length, "/")] == '\0';
}

static AipRoute
find_json (const char *method, const char *endpoint)
{
  AipRoute route = { .kind = AIP_ROUTE_FORWARD, .endpoint = endpoint };
  gboolean implies_stream = is_same (endpoint, "chat/completions/stream");

  if (implies_stream)
    route.endpoint = "chat/completions";
  for (gsize i = 0; i < G_N_ELEMENTS (json_routes); i++)
    if (is_same (route.endpoint, json_routes[i].endpoint))
      {
        const char *name = json_routes[i].endpoint;

        route = json_routes[i].route;
        route.endpoint = name;
        route.json = g_str_equal (method, "POST");
        route.kind = route.json || g_str_equal (method, "OPTIONS") || g_str_equal (method, "GET") ||
                             g_str_equal (method, "HEAD")
                         ? AIP_ROUTE_FORWARD
                         : AIP_ROUTE_WRONG_METHOD;
        route.methods = "POST";
      }
  route.implies_stream = implies_stream;
  return route;
}

/**
 * aip_routes_find:
 * @method: upper-case letters
 * @path: percent-encoded, beginning with "/"
 *
 * The table of what is served where, the aliases included.
 *
 * Returns: what is asked for; its endpoint points into @path or at static text
 */
AipRoute
aip_routes_find (const char *method, const char *path)
{
  AipRoute route = find_control (method, path);
  const char *endpoint = endpoint_of (path);
  gboolean reads = g_str_equal (method, "GET") || g_str_equal (method, "HEAD");

  if (route.kind != AIP_ROUTE_UNKNOWN)
    return route;
  if (endpoint == NULL)
    return (AipRoute){ .kind = AIP_ROUTE_UNKNOWN, .protocol = protocol_of_foreign (path) };
  if (!g_strv_contains (methods, method))
    return (AipRoute){ .kind = AIP_ROUTE_WRONG_METHOD,
                       .endpoint = endpoint,
                       .methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" };
  if (is_same (endpoint, "models") && reads)
    return (AipRoute){ .kind = AIP_ROUTE_MODELS, .endpoint = "models" };
  if (g_str_has_prefix (endpoint, "models/") && reads)
    return (AipRoute){ .kind = AIP_ROUTE_MODEL, .endpoint = endpoint + strlen ("models/") };
  if (g_str_equal (endpoint, "realtime") && reads)
    return (AipRoute){ .kind = AIP_ROUTE_REALTIME, .endpoint = endpoint };
  return find_json (method, endpoint);
}
