/* SPDX-License-Identifier: MIT */
#pragma once

#include "probe.h"

G_BEGIN_DECLS

/**
 * Fixture: a worker, and an upstream that a test has scripted.
 */
typedef struct
{
  Bench bench;
  RawServer *server;
  char *url; /* of "/v1/x%2Fy/../z?q=secret" there */
} Fixture;

void fixture_set_up (Fixture *self, RawServerFunc func, const void *user_data);
void fixture_tear_down (Fixture *self);

G_END_DECLS
