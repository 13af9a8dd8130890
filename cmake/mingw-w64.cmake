# Cross-building the Windows target on Linux; the tests run under Wine.
# The -win32 compiler uses the system's own threads, so no libwinpthread is linked.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-w64-mingw32-gcc-win32)
set(CMAKE_RC_COMPILER x86_64-w64-mingw32-windres)

# Where ./dev put the Windows builds of inih, cmocka and libsodium.
set(gsrelay_windows_deps "$ENV{GSRELAY_WINDOWS_DEPS}")
if(NOT gsrelay_windows_deps)
  set(gsrelay_windows_deps "$ENV{XDG_CACHE_HOME}")
  if(NOT gsrelay_windows_deps)
    set(gsrelay_windows_deps "$ENV{HOME}/.cache")
  endif()
  string(APPEND gsrelay_windows_deps "/gsrelay/windows-x64")
endif()
set(CMAKE_FIND_ROOT_PATH /usr/x86_64-w64-mingw32 "${gsrelay_windows_deps}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

set(CMAKE_CROSSCOMPILING_EMULATOR "${CMAKE_CURRENT_LIST_DIR}/../scripts/wine")
