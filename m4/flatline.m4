# What configure asks of the machine. One macro per concern; FL_SUMMARY prints what was found.

# Warnings are part of the contract; --enable-werror (CI) makes them errors. Frame pointers and calls
# that are not turned into jumps keep every function on a profile's stack.
AC_DEFUN([FL_WARNINGS], [
  FL_CFLAGS="-std=c11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith"
  FL_CFLAGS="$FL_CFLAGS -Wwrite-strings -Wvla -Wformat=2 -fno-omit-frame-pointer -fno-optimize-sibling-calls"
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [treat compiler warnings as errors])],
                [], [enable_werror=no])
  AS_IF([test "x$enable_werror" = xyes], [FL_CFLAGS="$FL_CFLAGS -Werror"])
  AC_SUBST([FL_CFLAGS])
])

# Sanitizers bring their own allocator, so jemalloc is left out with them.
AC_DEFUN([FL_SANITIZERS], [
  AC_ARG_ENABLE([sanitizers],
                [AS_HELP_STRING([--enable-sanitizers], [build with ASan and UBSan, without jemalloc])],
                [], [enable_sanitizers=no])
  AS_IF([test "x$enable_sanitizers" = xyes], [
    FL_SAN_FLAGS="-fsanitize=address,undefined -fno-sanitize-recover=all"
    AC_DEFINE([FL_SANITIZED], [1], [Define when the sanitizers are compiled in.])
  ])
  AC_SUBST([FL_SAN_FLAGS])
])

# Fuzz targets need clang's libFuzzer, and everything below them its instrumentation.
AC_DEFUN([FL_FUZZERS], [
  AC_ARG_ENABLE([fuzzers],
                [AS_HELP_STRING([--enable-fuzzers], [build the fuzz targets too (clang), with the sanitizers])],
                [], [enable_fuzzers=no])
  AS_IF([test "x$enable_fuzzers" = xyes], [
    FL_SAN_FLAGS="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all"
    enable_sanitizers="yes (fuzzers)"
    AC_LANG_CONFTEST([AC_LANG_SOURCE([[#include <stddef.h>
#include <stdint.h>
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return data == NULL && size > 0; }]])])
    AS_IF([$CC -fsanitize=fuzzer conftest.c -o conftest$EXEEXT >&AS_MESSAGE_LOG_FD 2>&1], [],
          [AC_MSG_ERROR([$CC has no libFuzzer: configure with CC=clang, install libclang-rt-14-dev])])
    rm -f conftest.c conftest$EXEEXT
    AC_DEFINE([FL_SANITIZED], [1], [Define when the sanitizers are compiled in.])
  ])
  AM_CONDITIONAL([FUZZERS], [test "x$enable_fuzzers" = xyes])
])

AC_DEFUN([FL_COVERAGE], [
  AC_ARG_ENABLE([coverage], [AS_HELP_STRING([--enable-coverage], [instrument for gcov])],
                [], [enable_coverage=no])
  AS_IF([test "x$enable_coverage" = xyes], [FL_COV_FLAGS="--coverage -O0"])
  AC_SUBST([FL_COV_FLAGS])
])

# FL_TRY_HARDENING(WORD, CFLAGS, LDFLAGS): takes the flags if the compiler and the linker do without
# a word, and remembers that it did, for the test that looks for their effect in the programs.
AC_DEFUN([FL_TRY_HARDENING], [
  AC_MSG_CHECKING([for hardening: $1])
  fl_saved_cflags=$CFLAGS fl_saved_ldflags=$LDFLAGS
  CFLAGS="-Werror $FL_HARDEN_CFLAGS $2 $FL_PIE_CFLAGS $FL_SAN_FLAGS $FL_COV_FLAGS $CFLAGS"
  LDFLAGS="$FL_HARDEN_LDFLAGS $3 $FL_PIE_LDFLAGS $FL_SAN_FLAGS $FL_COV_FLAGS $LDFLAGS"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <string.h>]], [[char word[9]; strcpy(word, "word"); return word[0] == 0;]])],
                 [fl_takes=yes], [fl_takes=no])
  CFLAGS=$fl_saved_cflags LDFLAGS=$fl_saved_ldflags
  AC_MSG_RESULT([$fl_takes])
  AS_IF([test $fl_takes = yes], [
    FL_HARDEN_CFLAGS="$FL_HARDEN_CFLAGS $2"
    FL_HARDEN_LDFLAGS="$FL_HARDEN_LDFLAGS $3"
    FL_HARDENED="$FL_HARDENED $1"
  ])
])

# What makes a memory error of ours harder to use. The sanitizers do the work of _FORTIFY_SOURCE themselves and
# are kept from theirs by it; without optimisation it does nothing but warn, so then it is left out.
AC_DEFUN([FL_HARDENING], [
  FL_PIE_CFLAGS=-fPIE FL_PIE_LDFLAGS=-pie
  FL_TRY_HARDENING([pie], [], [])
  AS_IF([test $fl_takes = no], [FL_PIE_CFLAGS= FL_PIE_LDFLAGS=])
  FL_TRY_HARDENING([relro], [], [-Wl,-z,relro -Wl,-z,now])
  FL_TRY_HARDENING([stack-protector], [-fstack-protector-strong], [])
  FL_TRY_HARDENING([cf-protection], [-fcf-protection], [])
  AS_IF([test -z "$FL_SAN_FLAGS"], [
    FL_TRY_HARDENING([fortify], [-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3], [])
    AS_IF([test $fl_takes = no], [FL_TRY_HARDENING([fortify], [-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2], [])])
  ])
  AC_SUBST([FL_HARDENED])
  AC_SUBST([FL_HARDEN_CFLAGS])
  AC_SUBST([FL_HARDEN_LDFLAGS])
  AC_SUBST([FL_PIE_CFLAGS])
  AC_SUBST([FL_PIE_LDFLAGS])
])

AC_DEFUN([FL_CHECK_LIBRARIES], [
  PKG_CHECK_MODULES([NGHTTP2], [libnghttp2 >= 1.52])
  PKG_CHECK_MODULES([OPENSSL], [openssl >= 3.0])
  PKG_CHECK_MODULES([ZLIB], [zlib >= 1.2.13])
  PKG_CHECK_MODULES([SQLITE], [sqlite3 >= 3.40])
  PKG_CHECK_MODULES([LIBMD], [libmd >= 1.0])
  PKG_CHECK_MODULES([JANSSON], [jansson >= 2.14])
  PKG_CHECK_MODULES([MICROHTTPD], [libmicrohttpd >= 0.9.75])
  PKG_CHECK_MODULES([CURL], [libcurl >= 7.88])
  PKG_CHECK_MODULES([GNUTLS], [gnutls >= 3.7])
  PKG_CHECK_MODULES([YAML], [yaml-0.1 >= 0.2.5])
  PKG_CHECK_MODULES([MXML], [mxml >= 3.3])
  PKG_CHECK_MODULES([PROTOBUF_C], [libprotobuf-c >= 1.4])
  PKG_CHECK_MODULES([GSL], [gsl >= 2.7])
  PKG_CHECK_MODULES([CMOCKA], [cmocka >= 1.1.5], [have_cmocka=yes], [have_cmocka=no])
  AM_CONDITIONAL([HAVE_CMOCKA], [test "x$have_cmocka" = xyes])

  # For --seccomp of the servers, which says so where it is missing.
  PKG_CHECK_MODULES([SECCOMP], [libseccomp >= 2.5], [have_seccomp=yes], [have_seccomp="no: --seccomp is refused"])
  AS_IF([test "x$have_seccomp" = xyes], [
    AC_DEFINE([HAVE_SECCOMP], [1], [Define when servers can filter their system calls.])
  ])

  # libev ships no pkg-config file.
  AC_CHECK_HEADER([ev.h], [], [AC_MSG_ERROR([ev.h not found: install libev-dev])])
  AC_CHECK_LIB([ev], [ev_loop_new], [EV_LIBS=-lev],
               [AC_MSG_ERROR([libev not found: install libev-dev])], [-lm])
  AC_SUBST([EV_LIBS])

  AS_IF([test "x$enable_sanitizers" != xno], [have_jemalloc="no (sanitizers)"], [
    PKG_CHECK_MODULES([JEMALLOC], [jemalloc >= 5.3])
    have_jemalloc=yes
    AC_DEFINE([HAVE_JEMALLOC], [1], [Define when the stress programs run on jemalloc.])
  ])
])

AC_DEFUN([FL_CHECK_PROGRAMS], [
  AC_PATH_PROG([PROTOC_C], [protoc-c])
  AS_IF([test -z "$PROTOC_C"], [AC_MSG_ERROR([protoc-c not found: install protobuf-c-compiler])])
  # Only needed when charts are drawn; the driver looks it up in PATH again at run time.
  AC_PATH_PROG([GNUPLOT], [gnuplot], [not found, needed by driver --gen-charts])
  # A tarball has the manual pages.
  AM_MISSING_PROG([HELP2MAN], [help2man])
  AC_CHECK_PROG([have_man], [help2man], [yes], [no: install help2man, then configure again])
  AS_IF([test -r "$srcdir/man/driver.1"], [have_man=yes])
  AM_CONDITIONAL([HAVE_MAN], [test "x$have_man" = xyes])
  # For the test that has libgrpc++ as the other end.
  AC_PATH_PROG([PROTOC], [protoc])
  AC_PATH_PROG([GRPC_CPP_PLUGIN], [grpc_cpp_plugin])
  PKG_CHECK_MODULES([GRPCPP], [grpc++ protobuf], [have_grpcpp=yes], [have_grpcpp=no])
  AS_IF([test -z "$PROTOC" || test -z "$GRPC_CPP_PLUGIN" || test -z "$ac_ct_CXX$CXX"], [have_grpcpp=no])
  AS_IF([test "x$enable_sanitizers" != xno], [have_grpcpp="no (sanitizers)"])
  AM_CONDITIONAL([HAVE_GRPCPP], [test "x$have_grpcpp" = xyes])
  # The library of the flame pages: npm brings it to a git checkout, a tarball has it.
  flame_web=$srcdir/charts/web/node_modules
  AS_IF([test -r "$flame_web/d3-flame-graph/dist/d3-flamegraph.min.js" &&
         test -r "$flame_web/d3-flame-graph/dist/d3-flamegraph.css" &&
         test -r "$flame_web/d3-selection/dist/d3-selection.min.js"], [have_flame=yes],
        [have_flame="no: npm ci --prefix $srcdir/charts/web, then configure again"])
  AM_CONDITIONAL([FLAME_PAGES], [test "x$have_flame" = xyes])
  # The same for uPlot, of the results server's page.
  uplot_web=$srcdir/results-server/web/node_modules/uplot/dist
  AS_IF([test -r "$uplot_web/uPlot.iife.min.js" && test -r "$uplot_web/uPlot.min.css"], [have_uplot=yes],
        [have_uplot="no: npm ci --prefix $srcdir/results-server/web, then configure again"])
  AM_CONDITIONAL([UPLOT], [test "x$have_uplot" = xyes])
  # For the tests: the system's own, which python3-grpcio belongs to, before any other in PATH.
  AC_PATH_PROG([PYTHON3], [python3], [python3], [/usr/bin:$PATH])
])

AC_DEFUN([FL_SUMMARY], [
  AC_MSG_NOTICE([
flatline $PACKAGE_VERSION
  compiler     $CC $CFLAGS
  nghttp2      $($PKG_CONFIG --modversion libnghttp2)
  OpenSSL      $($PKG_CONFIG --modversion openssl)
  libcurl      $($PKG_CONFIG --modversion libcurl)
  zlib         $($PKG_CONFIG --modversion zlib)
  SQLite       $($PKG_CONFIG --modversion sqlite3)
  libmd        $($PKG_CONFIG --modversion libmd) (SHA-256)
  GSL          $($PKG_CONFIG --modversion gsl)
  jansson      $($PKG_CONFIG --modversion jansson)
  libmicrohttpd $($PKG_CONFIG --modversion libmicrohttpd)
  GnuTLS       $($PKG_CONFIG --modversion gnutls)
  libyaml      $($PKG_CONFIG --modversion yaml-0.1)
  Mini-XML     $($PKG_CONFIG --modversion mxml)
  protobuf-c   $($PKG_CONFIG --modversion libprotobuf-c)
  libev        yes
  jemalloc     $have_jemalloc
  cmocka       $have_cmocka (unit tests)
  libgrpc++    $have_grpcpp (a stock peer in the tests)
  libseccomp   $have_seccomp
  gnuplot      $GNUPLOT
  flame pages  $have_flame
  live curves  $have_uplot
  manual pages $have_man
  sanitizers   $enable_sanitizers
  fuzzers      $enable_fuzzers
  coverage     $enable_coverage
  hardening   $FL_HARDENED
  werror       $enable_werror
  prefix       $prefix])
])
