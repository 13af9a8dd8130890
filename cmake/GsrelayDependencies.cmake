# The three libraries we stand on, as imported targets, found the same way natively and for Windows.
# For the cross build ./dev makes them once; cmake/mingw-w64.cmake knows where they lie.

if(WIN32)
  # Static archives only: beside them MSYS2 has import libraries, which would bring DLLs along.
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
endif()

function(gsrelay_dependency target header library hint)
  string(REPLACE "::" "_" key ${target})
  find_path(${key}_INCLUDE NAMES ${header})
  find_library(${key}_LIBRARY NAMES ${library})
  if(NOT ${key}_INCLUDE OR NOT ${key}_LIBRARY)
    message(FATAL_ERROR "${library} was not found: ${hint}, or run ./dev build, which does it.")
  endif()
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES
    IMPORTED_LOCATION "${${key}_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${${key}_INCLUDE}")
endfunction()

gsrelay_dependency(sodium::sodium sodium.h sodium "install libsodium-dev")
gsrelay_dependency(inih::inih ini.h inih "install libinih-dev")
if(GSRELAY_BUILD_TESTS)
  gsrelay_dependency(cmocka::cmocka cmocka.h "cmocka;cmocka-static" "install libcmocka-dev")
  # cmocka 2, which MSYS2 and newer Linux have, warns about names of 1.1 that it still knows.
  target_compile_definitions(cmocka::cmocka INTERFACE CMOCKA_DISABLE_DEPRECATION_WARNINGS)
endif()
if(WIN32)
  # The static archive must not declare its functions as imported from a DLL.
  target_compile_definitions(sodium::sodium INTERFACE SODIUM_STATIC=1)
endif()
find_package(Threads REQUIRED)
