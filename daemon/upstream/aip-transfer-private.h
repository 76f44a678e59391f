/* SPDX-License-Identifier: MIT */
#pragma once

#include "upstream/aip-transfer.h"

G_BEGIN_DECLS

typedef struct _AipUpstream AipUpstream;

/**
 * AipTransferKind: how one kind of transfer travels.
 * @resume: what was not taken, or not there, may be tried again; never from within a callback's stack
 *   is anything called back
 * @cancel: stops it and frees it, now or as soon as no function of its own is on the stack
 */
typedef struct
{
  void (*resume) (AipTransfer *self);
  void (*cancel) (AipTransfer *self);
} AipTransferKind;

struct _AipTransfer
{
  const AipTransferKind *kind;
  AipUpstream *upstream;
  AipTransferFuncs funcs;
  void *user_data;
  GList link;      /* in the upstream's running transfers */
  gboolean closed; /* ended or cancelled: nothing is told any more */
};

void aip_transfer_open (AipTransfer *self,
                        const AipTransferKind *kind,
                        AipUpstream *upstream,
                        const AipTransferFuncs *funcs,
                        void *user_data);
void aip_transfer_close (AipTransfer *self);

G_END_DECLS
