/* SPDX-License-Identifier: MIT */
#pragma once

#include <json-glib/json-glib.h>

#include "wire/aip-builtin.h"

G_BEGIN_DECLS

typedef enum
{
  AIP_BUILTIN_ECHO,
  AIP_BUILTIN_SLOW,
  AIP_BUILTIN_EMBEDDING,
  AIP_BUILTIN_FAIL, /* number: the HTTP status */
  AIP_BUILTIN_CUT,  /* number: tokens before the cut */
} AipBuiltinKind;

typedef struct
{
  AipBuiltinKind kind;
  guint number;
} AipBuiltinModel;

/**
 * AipBuiltinRequest: a request's body, while it is read.
 * @object: the body
 * @model_name: as the client wrote it
 * @stamp: 24 hexadecimal digits that stand for the body: answers' ids are made of it
 * @created: seconds since the epoch
 * @fault: (nullable): the answer to give instead, once something is wrong
 */
typedef struct
{
  JsonNode *root;
  JsonObject *object;
  const char *model_name;
  AipBuiltinModel model;
  char stamp[25];
  gint64 created;
  gboolean stream;
  gboolean include_usage;
  AipBuiltinAnswer *fault;
} AipBuiltinRequest;

/**
 * AipBuiltinReply: what to say, before it has a shape.
 * @chat: of a chat, else of a plain completion
 * @text: what the model says
 * @tool: (nullable): the function that it calls instead
 * @n_prompt: tokens read
 * @limit: most tokens to say
 */
typedef struct
{
  gboolean chat;
  char *text;
  char *tool;
  guint64 n_prompt;
  guint64 limit;
} AipBuiltinReply;

gboolean aip_builtin_model_parse (const char *name, AipBuiltinModel *model);

AipBuiltinAnswer *aip_builtin_answer_new (guint status, const char *content_type);
AipBuiltinAnswer *aip_builtin_answer_new_json (GString *text);
AipBuiltinAnswer *
aip_builtin_answer_new_failure (guint status, const char *code, const char *param, const char *message);
void aip_builtin_answer_add (AipBuiltinAnswer *self, GString *part);
void aip_builtin_answer_halve (AipBuiltinAnswer *self);

gboolean aip_builtin_request_init (AipBuiltinRequest *self, GBytes *body, gint64 now_s);
void aip_builtin_request_clear (AipBuiltinRequest *self);
gboolean aip_builtin_request_fail (AipBuiltinRequest *self,
                                   const char *code,
                                   const char *param,
                                   const char *format,
                                   ...) G_GNUC_PRINTF (4, 5);
JsonNode *aip_builtin_request_get (AipBuiltinRequest *self, const char *name);
gboolean aip_builtin_request_get_integer (AipBuiltinRequest *self,
                                          const char *name,
                                          gint64 least,
                                          gint64 most,
                                          gint64 *value);
gboolean aip_builtin_request_get_stream (AipBuiltinRequest *self);
const char *aip_builtin_node_get_string (JsonNode *node);

const char *aip_builtin_token_end (const char *text);
guint64 aip_builtin_count_tokens (const char *text);

AipBuiltinAnswer *aip_builtin_reply_format (const AipBuiltinReply *self, const AipBuiltinRequest *request);
void aip_builtin_reply_clear (AipBuiltinReply *self);

gboolean aip_builtin_read_chat (AipBuiltinRequest *request, AipBuiltinReply *reply);
gboolean aip_builtin_read_completion (AipBuiltinRequest *request, AipBuiltinReply *reply);
AipBuiltinAnswer *aip_builtin_answer_embeddings (AipBuiltinRequest *request);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AipBuiltinRequest, aip_builtin_request_clear)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (AipBuiltinReply, aip_builtin_reply_clear)

G_END_DECLS
