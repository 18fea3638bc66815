/*
 * Heap caps by role and security: twice the peak of `data` (statm field 6) over healthy runs,
 * rounded up to MiB. Written by driver/calibrate.py (make calibrate), which says what a peak
 * includes; not by hand.
 */
#ifndef FLATLINE_DRIVER_CAPS_H
#define FLATLINE_DRIVER_CAPS_H

#define CAP_SERVER_INSECURE_MIB 32
#define CAP_SERVER_SECURE_MIB 34
#define CAP_CLIENT_INSECURE_MIB 31
#define CAP_CLIENT_SECURE_MIB 32
#define CAP_SERVER_THREAD_MIB 7 /* for each event loop after the first */

#endif
