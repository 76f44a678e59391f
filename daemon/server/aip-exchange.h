/* SPDX-License-Identifier: MIT */
#pragma once

#include "server/aip-worker.h"

G_BEGIN_DECLS

void aip_exchange_begin (AipWorker *worker, AipConnection *connection, const AipHead *head);

G_END_DECLS
