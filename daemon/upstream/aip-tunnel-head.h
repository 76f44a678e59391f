/* SPDX-License-Identifier: MIT */
#pragma once

#include "upstream/aip-answer-head.h"

G_BEGIN_DECLS

GString *aip_tunnel_head_render (const AipTransferRequest *request);
AipAnswerHeadState aip_tunnel_head_parse (AipAnswerHead *head, GString *in, gsize *seen);

G_END_DECLS
