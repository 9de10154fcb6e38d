/* SPDX-License-Identifier: Apache-2.0
 *
 * notify: tells the service manager how we are (systemd's sd_notify protocol: a datagram to the
 * socket that NOTIFY_SOCKET names). Without that variable, nothing happens. Main thread.
 */
#ifndef STOATMQ_SERVER_NOTIFY_H
#define STOATMQ_SERVER_NOTIFY_H

/* We serve. */
void notify_ready(void);

/* Settings are read anew; notify_ready when it is done. */
void notify_reloading(void);

/* We end. */
void notify_stopping(void);

#endif
