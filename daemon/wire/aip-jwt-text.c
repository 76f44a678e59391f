/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-jwt"

#include "wire/aip-jwt-text.h"

#include <string.h>

#include "base/aip-error.h"
#include "wire/aip-json-tree.h"

#define MAX_AUDIENCES 64
#define MAX_TIME (G_GINT64_CONSTANT (1) << 53)

static gboolean
fail (GError **error, const char *message)
{
  g_set_error_literal (error, AIP_ERROR, AIP_ERROR_UNAUTHENTICATED, message);
  return FALSE;
}

/**
 * aip_base64url_decode:
 * @text: (not nul-terminated): in the alphabet of RFC 4648, section 5, without padding
 * @length: in bytes
 * @decoded: (out): the number of bytes
 *
 * Returns: (transfer full) (nullable): the bytes, with a NUL behind them; %NULL where @text is not of the
 * kind
 */
guint8 *
aip_base64url_decode (const char *text, gsize length, gsize *decoded)
{
  g_autofree char *standard = NULL;

  g_return_val_if_fail (text != NULL && decoded != NULL, NULL);

  if (length == 0 || length % 4 == 1)
    return NULL;
  standard = g_malloc (length + 4);
  for (gsize i = 0; i < length; i++)
    {
      if (!g_ascii_isalnum (text[i]) && text[i] != '-' && text[i] != '_')
        return NULL;
      standard[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    }
  while (length % 4 != 0)
    standard[length++] = '=';
  standard[length] = '\0';
  g_base64_decode_inplace (standard, decoded);
  standard[*decoded] = '\0';
  return (guint8 *) g_steal_pointer (&standard);
}

/* The part of a token before its first dot, or between its dots. */
static JsonNode *
parse_part (const char *token, gsize length, guint index, GError **error)
{
  const char *end = memchr (token, '.', length);
  const char *start = token;
  gsize size;
  g_autofree guint8 *text = NULL;

  if (end != NULL && index == 1)
    {
      start = end + 1;
      end = memchr (start, '.', length - (start - token));
    }
  text = end != NULL ? aip_base64url_decode (start, end - start, &size) : NULL;
  return text != NULL ? aip_json_tree_parse ((const char *) text, size, error) : NULL;
}

/**
 * aip_jwt_text_looks_like_one:
 * @token: what a client sent; any bytes
 * @length: in bytes
 *
 * Returns: whether @token has the three parts of a signed JSON Web Token, the first of which is an object
 * with an algorithm
 */
gboolean
aip_jwt_text_looks_like_one (const char *token, gsize length)
{
  g_auto (AipJwtHeader) header = { 0 };

  return token != NULL && aip_jwt_header_parse (token, length, &header, NULL);
}

static gboolean
has_three_parts (const char *token, gsize length)
{
  guint dots = 0;

  for (gsize i = 0; i < length; i++)
    if (token[i] == '.')
      dots++;
    else if (!g_ascii_isalnum (token[i]) && token[i] != '-' && token[i] != '_')
      return FALSE;
  return dots == 2;
}

/**
 * aip_jwt_header_parse:
 * @token: what a client sent; any bytes
 * @length: in bytes
 * @header: (out): what it says
 * @error: where to put an %AIP_ERROR_UNAUTHENTICATED
 *
 * Returns: whether @token is a signed JSON Web Token that can be checked
 */
gboolean
aip_jwt_header_parse (const char *token, gsize length, AipJwtHeader *header, GError **error)
{
  g_autoptr (JsonNode) node = NULL;
  JsonObject *object;

  g_return_val_if_fail (token != NULL || length == 0, FALSE);
  g_return_val_if_fail (header != NULL, FALSE);

  *header = (AipJwtHeader){ 0 };
  if (length > AIP_JWT_MAX_LENGTH || !has_three_parts (token, length))
    return fail (error, "the token is no JWT: it has not three parts in base64url, or is too long");
  node = parse_part (token, length, 0, NULL);
  if (node == NULL)
    return fail (error, "the token is no JWT: its header is no JSON object");
  object = json_node_get_object (node);
  if (aip_json_tree_get_string (object, "alg") == NULL)
    return fail (error, "the token is no JWT: its header names no algorithm");
  /* RFC 7515, 4.1.11: who does not understand an extension that is critical has to refuse it. */
  if (json_object_has_member (object, "crit"))
    return fail (error, "the JWT asks for extensions (crit) that are not known here");
  header->algorithm = g_strdup (aip_json_tree_get_string (object, "alg"));
  header->key_id = g_strdup (aip_json_tree_get_string (object, "kid"));
  return TRUE;
}

/**
 * aip_jwt_header_clear:
 * @header: a header
 *
 * Frees what is in it.
 */
void
aip_jwt_header_clear (AipJwtHeader *header)
{
  g_return_if_fail (header != NULL);

  g_clear_pointer (&header->algorithm, g_free);
  g_clear_pointer (&header->key_id, g_free);
}

/* --- claims --- */

/* A NumericDate (RFC 7519, 2), whose parts of a second do not matter. */
static gboolean
read_time (JsonObject *object, const char *name, gint64 *time)
{
  JsonNode *node = json_object_get_member (object, name);
  double value;

  *time = -1;
  if (node == NULL)
    return TRUE;
  if (!JSON_NODE_HOLDS_VALUE (node) ||
      (json_node_get_value_type (node) != G_TYPE_INT64 && json_node_get_value_type (node) != G_TYPE_DOUBLE))
    return FALSE;
  value = json_node_get_double (node);
  if (!(value >= 0 && value <= (double) MAX_TIME))
    return FALSE;
  *time = (gint64) value;
  return TRUE;
}

static gboolean
read_audience (JsonObject *object, char ***audience)
{
  JsonNode *node = json_object_get_member (object, "aud");
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  JsonArray *array;

  if (node != NULL && JSON_NODE_HOLDS_ARRAY (node))
    {
      array = json_node_get_array (node);
      if (json_array_get_length (array) > MAX_AUDIENCES)
        return FALSE;
      for (guint i = 0; i < json_array_get_length (array); i++)
        {
          JsonNode *element = json_array_get_element (array, i);

          if (!JSON_NODE_HOLDS_VALUE (element) || json_node_get_value_type (element) != G_TYPE_STRING)
            return FALSE;
          g_ptr_array_add (names, json_node_dup_string (element));
        }
    }
  else if (node != NULL && aip_json_tree_get_string (object, "aud") == NULL)
    return FALSE;
  else if (node != NULL)
    g_ptr_array_add (names, g_strdup (aip_json_tree_get_string (object, "aud")));
  g_ptr_array_add (names, NULL);
  *audience = (char **) g_ptr_array_steal (names, NULL);
  return TRUE;
}

/**
 * aip_jwt_claims_parse:
 * @token: a token whose header was parsed
 * @length: in bytes
 * @client_claim: the claim that names the client
 * @tenant_claim: (nullable): the one that names the tenant
 * @claims: (out): what it claims
 * @error: where to put an %AIP_ERROR_UNAUTHENTICATED
 *
 * Returns: whether the claims can be read
 */
gboolean
aip_jwt_claims_parse (const char *token,
                      gsize length,
                      const char *client_claim,
                      const char *tenant_claim,
                      AipJwtClaims *claims,
                      GError **error)
{
  g_autoptr (JsonNode) node = NULL;
  JsonObject *object;

  g_return_val_if_fail (token != NULL && client_claim != NULL && claims != NULL, FALSE);

  *claims = (AipJwtClaims){ .expires = -1, .not_before = -1, .issued = -1 };
  node = parse_part (token, length, 1, NULL);
  if (node == NULL)
    return fail (error, "the JWT's claims are no JSON object");
  object = json_node_get_object (node);
  if (!read_time (object, "exp", &claims->expires) || !read_time (object, "nbf", &claims->not_before) ||
      !read_time (object, "iat", &claims->issued))
    return fail (error, "the JWT's exp, nbf or iat is no time: it has to be a number of seconds since 1970");
  if (!read_audience (object, &claims->audience))
    return fail (error, "the JWT's aud is neither a string nor a list of strings");
  claims->issuer = g_strdup (aip_json_tree_get_string (object, "iss"));
  claims->client = g_strdup (aip_json_tree_get_string (object, client_claim));
  claims->tenant = tenant_claim != NULL ? g_strdup (aip_json_tree_get_string (object, tenant_claim)) : NULL;
  return TRUE;
}

/**
 * aip_jwt_claims_clear:
 * @claims: claims
 *
 * Frees what is in them.
 */
void
aip_jwt_claims_clear (AipJwtClaims *claims)
{
  g_return_if_fail (claims != NULL);

  g_clear_pointer (&claims->issuer, g_free);
  g_clear_pointer (&claims->audience, g_strfreev);
  g_clear_pointer (&claims->client, g_free);
  g_clear_pointer (&claims->tenant, g_free);
}
