/* SPDX-License-Identifier: MIT */
#pragma once

#include "server/aip-worker.h"

G_BEGIN_DECLS

/**
 * AipExchange: one request and its answer, on its worker's thread. It belongs to its connection: it ends with
 * the answer, or when the client leaves.
 */
typedef struct _AipExchange AipExchange;

/**
 * AipCut: why a request is ended before its time.
 */
typedef enum
{
  AIP_CUT_PAUSED,
  AIP_CUT_CANCELLED,
} AipCut;

void aip_exchange_begin (AipWorker *worker, AipConnection *connection, const AipHead *head);
const char *aip_exchange_get_request_id (const AipExchange *self);
int aip_exchange_get_pause_epoch (const AipExchange *self);
void aip_exchange_cut (AipExchange *self, AipCut why);

G_END_DECLS
