# Compiler settings and the three functions that every layer uses.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(WIN32)
  set(GSRELAY_PLATFORM windows)
else()
  set(GSRELAY_PLATFORM linux)
endif()

add_library(gsrelay_settings INTERFACE)
target_compile_definitions(gsrelay_settings INTERFACE GSRELAY_VERSION="${PROJECT_VERSION}")
# daemon/identity.h, included by that name.
configure_file("${CMAKE_SOURCE_DIR}/packaging/identity.h.in"
  "${CMAKE_BINARY_DIR}/generated/daemon/identity.h" @ONLY)
target_include_directories(gsrelay_settings INTERFACE
  "$<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>" "$<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/generated>")
target_compile_options(gsrelay_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla -Wswitch-enum
  -Wstrict-prototypes -Wmissing-prototypes -Wundef
  -fstack-protector-strong -fno-common -g)
if(WIN32)
  # Wide-character entry points, Windows 10, and C99 printf formats.
  target_compile_definitions(gsrelay_settings INTERFACE
    UNICODE _UNICODE WIN32_LEAN_AND_MEAN _WIN32_WINNT=0x0A00 __USE_MINGW_ANSI_STDIO=1)
  target_compile_options(gsrelay_settings INTERFACE -gdwarf-4)
  # The stack protector is named at the link too: there its run-time part comes from the static libssp.
  target_link_options(gsrelay_settings INTERFACE -static -fstack-protector-strong
    -Wl,--dynamicbase,--nxcompat,--high-entropy-va,--no-insert-timestamp)
else()
  target_compile_definitions(gsrelay_settings INTERFACE _GNU_SOURCE)
  target_link_options(gsrelay_settings INTERFACE -Wl,-z,relro,-z,now)
endif()
if(GSRELAY_SANITIZE)
  target_compile_options(gsrelay_settings INTERFACE
    -fsanitize=${GSRELAY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(gsrelay_settings INTERFACE -fsanitize=${GSRELAY_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(gsrelay_settings INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()

# gsrelay_library(name SOURCES a.c [a_linux.c a_windows.c ...] LIBS other...)
# One static library per layer. A source named *_linux.c or *_windows.c is compiled on that platform only.
function(gsrelay_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  gsrelay_platform_sources(sources ${arg_SOURCES})
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC gsrelay_settings ${arg_LIBS})
endfunction()

# gsrelay_program(name SOURCES main.c LIBS layer... [DESCRIPTION text])
# A program defines program_main (daemon/os/os.h); the entry that calls it is linked here. On Windows it
# carries a version resource; the description is what the task manager shows.
function(gsrelay_program name)
  cmake_parse_arguments(arg "" "DESCRIPTION" "SOURCES;LIBS" ${ARGN})
  gsrelay_platform_sources(sources ${arg_SOURCES})
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE gsrelay_settings gsrelay_entry ${arg_LIBS})
  set_property(GLOBAL APPEND PROPERTY GSRELAY_PROGRAMS ${name})
  if(WIN32)
    target_link_options(${name} PRIVATE -municode)
    set(program_name ${name})
    set(program_description "${arg_DESCRIPTION}")
    if(NOT program_description)
      set(program_description "${name}, part of ${PROJECT_NAME}")
    endif()
    configure_file("${CMAKE_SOURCE_DIR}/packaging/windows/version.rc.in"
      "${CMAKE_CURRENT_BINARY_DIR}/${name}_version.rc" @ONLY)
    # A target of its own: the options of the C compiler are nothing for the resource compiler.
    add_library(${name}_version OBJECT "${CMAKE_CURRENT_BINARY_DIR}/${name}_version.rc")
    target_sources(${name} PRIVATE $<TARGET_OBJECTS:${name}_version>)
  else()
    target_link_options(${name} PRIVATE -pie)
  endif()
endfunction()

# gsrelay_messages(program file.mc)
# On Windows the texts of the Event Log go into the program; windmc comes with binutils.
function(gsrelay_messages program source)
  if(NOT WIN32)
    return()
  endif()
  find_program(GSRELAY_WINDMC NAMES x86_64-w64-mingw32-windmc windmc REQUIRED)
  get_filename_component(stem "${source}" NAME_WE)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${program}_messages")
  file(MAKE_DIRECTORY "${folder}")
  add_custom_command(OUTPUT "${folder}/${stem}.rc" "${folder}/MSG00409.bin"
    COMMAND "${GSRELAY_WINDMC}" -U -h "${folder}" -r "${folder}" "${CMAKE_CURRENT_SOURCE_DIR}/${source}"
    DEPENDS "${source}" VERBATIM)
  add_library(${program}_messages OBJECT "${folder}/${stem}.rc")
  target_include_directories(${program}_messages PRIVATE "${folder}")
  set_source_files_properties("${folder}/${stem}.rc" PROPERTIES OBJECT_DEPENDS "${folder}/MSG00409.bin")
  target_sources(${program} PRIVATE $<TARGET_OBJECTS:${program}_messages>)
endfunction()

# Debug information and no sanitizer: what valgrind needs.
find_program(GSRELAY_VALGRIND valgrind)
if(NOT WIN32 AND NOT GSRELAY_SANITIZE AND GSRELAY_VALGRIND AND CMAKE_C_COMPILER_ID STREQUAL "GNU")
  set(GSRELAY_USE_VALGRIND ON)
endif()

# gsrelay_test_settings(name [TIMEOUT seconds] [LABELS ...] [SERIAL])
# What every ctest entry of ours gets. Labels: unit (one layer, the default), system (starts programs of
# ours), replay (fuzz corpora), tidy (reads sources or built files), valgrind (a test once more, under
# valgrind). SERIAL: nothing runs beside it. A test that ends with 77 is skipped.
function(gsrelay_test_settings name)
  cmake_parse_arguments(arg "SERIAL" "TIMEOUT" "LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(NOT arg_LABELS)
    set(arg_LABELS unit)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}"
    SKIP_RETURN_CODE 77
    WORKING_DIRECTORY "${CMAKE_BINARY_DIR}/tests" ENVIRONMENT "GSRELAY_TEST_TEXT=한국어")
  if(arg_SERIAL)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()

# gsrelay_test(name SOURCES test_x.c LIBS layer... [TIMEOUT seconds] [LABELS ...] [SERIAL] [NO_VALGRIND])
# A cmocka program that is its own ctest entry; it runs in the build's test folder. Where valgrind can
# run it has a second entry, valgrind_NAME, unless it says NO_VALGRIND because that would take too long.
function(gsrelay_test name)
  cmake_parse_arguments(arg "SERIAL;NO_VALGRIND" "TIMEOUT" "SOURCES;LIBS;LABELS" ${ARGN})
  gsrelay_platform_sources(sources ${arg_SOURCES})
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE gsrelay_settings ${arg_LIBS} cmocka::cmocka)
  target_compile_definitions(${name} PRIVATE
    GSRELAY_SOURCE_DIR="${CMAKE_SOURCE_DIR}" GSRELAY_BINARY_DIR="${CMAKE_BINARY_DIR}")
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  set(serial "")
  if(arg_SERIAL)
    set(serial SERIAL)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  gsrelay_test_settings(${name} TIMEOUT ${arg_TIMEOUT} LABELS ${arg_LABELS} ${serial})
  if(GSRELAY_USE_VALGRIND AND NOT arg_NO_VALGRIND)
    add_test(NAME valgrind_${name} COMMAND ${GSRELAY_VALGRIND} --quiet --error-exitcode=99
      --leak-check=full --show-leak-kinds=definite,possible --errors-for-leak-kinds=definite,possible
      $<TARGET_FILE:${name}>)
    gsrelay_test_settings(valgrind_${name} TIMEOUT 600 LABELS valgrind ${serial})
  endif()
endfunction()

# gsrelay_fuzz(fuzz_x SOURCES fuzz_x.c LIBS layer...)
# Seeds lie in corpus/fuzz_x beside the caller. With GSRELAY_BUILD_FUZZ it is a libFuzzer program, run by
# ./dev fuzz; without, a ctest entry replay_fuzz_x, which gives it each seed once, on both systems.
if(GSRELAY_BUILD_FUZZ)
  target_compile_options(gsrelay_settings INTERFACE -fsanitize=fuzzer-no-link)
  add_custom_target(fuzz_all)
endif()
function(gsrelay_fuzz name)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
  if(GSRELAY_BUILD_FUZZ)
    add_executable(${name} ${arg_SOURCES})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/fuzz")
    add_dependencies(fuzz_all ${name})
    target_link_libraries(${name} PRIVATE gsrelay_settings ${arg_LIBS})
  else()
    add_executable(replay_${name} ${arg_SOURCES} "${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.c")
    set_target_properties(replay_${name} PROPERTIES
      RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
    target_link_libraries(replay_${name} PRIVATE gsrelay_settings ${arg_LIBS})
    add_test(NAME replay_${name}
      COMMAND replay_${name} "${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name}")
    gsrelay_test_settings(replay_${name} LABELS replay)
  endif()
endfunction()

function(gsrelay_platform_sources out)
  set(kept "")
  foreach(source ${ARGN})
    if(source MATCHES "_(linux|windows)\\.c$" AND NOT source MATCHES "_${GSRELAY_PLATFORM}\\.c$")
      continue()
    endif()
    list(APPEND kept ${source})
  endforeach()
  set(${out} ${kept} PARENT_SCOPE)
endfunction()
