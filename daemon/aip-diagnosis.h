/* SPDX-License-Identifier: MIT */
#pragma once

#include "aip-assembly.h"
#include "aip-probe.h"

G_BEGIN_DECLS

/**
 * AipDiagnosisSubject: what is looked at; borrowed for the call, but for what it points to in the daemon.
 * @endpoints: where the daemon listens
 * @paused: it refuses every request
 */
typedef struct
{
  const AipAssemblySources *sources;
  AipAssembly *assembly;
  AipProbe *probe;
  char **endpoints;
  gboolean paused;
} AipDiagnosisSubject;

void aip_diagnosis_run (const AipDiagnosisSubject *subject,
                        gboolean network,
                        AipFindingsFunc func,
                        void *user_data);
GPtrArray *aip_diagnosis_run_offline (const AipAssemblySources *sources);

G_END_DECLS
