/* SPDX-License-Identifier: MIT */
#pragma once

#include "upstream/aip-transfer.h"

G_BEGIN_DECLS

typedef enum
{
  AIP_ANSWER_HEAD_MORE, /* lines are missing */
  AIP_ANSWER_HEAD_DONE, /* this was the last line of the final answer's head */
  AIP_ANSWER_HEAD_BAD,  /* see bad */
} AipAnswerHeadState;

/**
 * AipAnswerHead: collects an answer's head line by line, checks it, and takes it apart. Embed it.
 * @n_lines: of headers so far
 * @n_connection_names: what its Connection names
 * @status: of the final answer
 * @views: (element-type AipHeaderView): its headers, into @text
 * @begun: something came, if only of a provisional answer
 * @framed: the end of the body is announced, judged by the headers alone
 * @may_switch: "101" is a final answer, since an upgrade was asked for
 * @bad: (nullable): static text: what is wrong with it
 */
typedef struct
{
  GString *text;
  GArray *views;
  guint n_lines;
  guint n_connection_names;
  guint status;
  gboolean framed;
  gboolean begun;
  gboolean may_switch;
  const char *bad;
} AipAnswerHead;

void aip_answer_head_init (AipAnswerHead *self);
void aip_answer_head_reset (AipAnswerHead *self);
void aip_answer_head_clear (AipAnswerHead *self);
AipAnswerHeadState aip_answer_head_add_line (AipAnswerHead *self, const char *line, gsize length);

G_END_DECLS
