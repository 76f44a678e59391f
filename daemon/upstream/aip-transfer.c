/* SPDX-License-Identifier: MIT */
#define G_LOG_DOMAIN "aip-transfer"

#include "upstream/aip-transfer-private.h"

#include "upstream/aip-upstream-private.h"

/*
 * aip_transfer_open:
 * @self: a zeroed transfer, the first member of its kind's struct
 * @kind: how it travels
 * @upstream: where it runs, until aip_transfer_close ()
 * @funcs: copied
 * @user_data: for @funcs
 */
void
aip_transfer_open (AipTransfer *self,
                   const AipTransferKind *kind,
                   AipUpstream *upstream,
                   const AipTransferFuncs *funcs,
                   void *user_data)
{
  self->kind = kind;
  self->upstream = upstream;
  self->funcs = *funcs;
  self->user_data = user_data;
  self->link.data = self;
  g_queue_push_tail_link (&upstream->running, &self->link);
}

/*
 * aip_transfer_close:
 * @self: an open transfer
 *
 * From now on it tells nothing, and resuming or cancelling it does nothing.
 */
void
aip_transfer_close (AipTransfer *self)
{
  g_assert (!self->closed);

  self->closed = TRUE;
  g_queue_unlink (&self->upstream->running, &self->link);
}

/**
 * aip_transfer_resume:
 * @self: a running transfer
 *
 * There is room again for a body that was not taken, or something to read for an upload that had
 * nothing. Nothing is called from within this function, but soon after.
 */
void
aip_transfer_resume (AipTransfer *self)
{
  g_return_if_fail (self != NULL);

  if (!self->closed)
    self->kind->resume (self);
}

/**
 * aip_transfer_cancel:
 * @self: (transfer full): a running transfer
 *
 * Ends it at once, and its connection unless others share that. Nothing is called any more, and @self
 * is gone when the caller's own callback, if it is in one, has returned.
 */
void
aip_transfer_cancel (AipTransfer *self)
{
  g_return_if_fail (self != NULL);

  if (!self->closed)
    self->kind->cancel (self);
}

/**
 * aip_fault_to_string:
 * @fault: a fault
 *
 * Returns: (transfer none): its name as logs and metrics show it, such as "first-byte-timeout"
 */
const char *
aip_fault_to_string (AipFault fault)
{
  static const char *const names[] = {
    [AIP_FAULT_NONE] = "none",
    [AIP_FAULT_RESOLVE] = "resolve",
    [AIP_FAULT_CONNECT] = "connect",
    [AIP_FAULT_CONNECT_TIMEOUT] = "connect-timeout",
    [AIP_FAULT_TLS] = "tls",
    [AIP_FAULT_FIRST_BYTE_TIMEOUT] = "first-byte-timeout",
    [AIP_FAULT_IDLE_TIMEOUT] = "idle-timeout",
    [AIP_FAULT_TOTAL_TIMEOUT] = "total-timeout",
    [AIP_FAULT_CUT] = "cut",
    [AIP_FAULT_PROTOCOL] = "protocol",
    [AIP_FAULT_CANCELLED] = "cancelled",
    [AIP_FAULT_SHORTAGE] = "shortage",
  };

  g_return_val_if_fail ((guint) fault < G_N_ELEMENTS (names), NULL);

  return names[fault];
}
