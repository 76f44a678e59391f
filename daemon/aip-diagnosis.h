/* SPDX-License-Identifier: MIT */
#pragma once

#include "aip-assembly.h"
#include "aip-probe.h"

G_BEGIN_DECLS

/**
 * AipDiagnosisSubject: what is looked at. Outlives the diagnosis.
 * @endpoints: where the daemon listens
 */
typedef struct
{
  const AipAssemblySources *sources;
  AipAssembly *assembly;
  AipProbe *probe;
  char **endpoints;
} AipDiagnosisSubject;

void aip_diagnosis_run (const AipDiagnosisSubject *subject,
                        gboolean network,
                        AipFindingsFunc func,
                        void *user_data);

G_END_DECLS
