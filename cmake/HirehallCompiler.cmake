# Language, flags and tools that every target of ours shares.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON) # one set of objects serves programs, plugins and the shared client library
set(CMAKE_CXX_VISIBILITY_PRESET default)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
# Assertions are always on (a bug ends the process, the world returns errors), so no flavour defines NDEBUG.
# -g1 keeps backtraces and profiles useful at a fraction of the size and link time of full debug information.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
set(CMAKE_C_FLAGS_RELEASE "-O2")

# Programs in bin/, suites of tests in suites/, plugins in lib/hirehall/agents/.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/lib")
set(HIREHALL_SUITE_DIR "${CMAKE_BINARY_DIR}/suites")
set(HIREHALL_PLUGIN_DIR "${CMAKE_BINARY_DIR}/lib/hirehall/agents")

# Decisions must come out the same on every machine and every build: no contraction of a*b+c, and never -march=native.
# It holds for the whole tree because inline functions of common/ end up in engine, scheduler and simulation alike.
add_compile_options(-ffp-contract=off)

# Paths in diagnostics and debug information are relative: the same bytes wherever the tree was cloned.
add_compile_options("-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")

if(HIREHALL_SANITIZE STREQUAL "address")
  # The first finding ends the program: a test that prints and passes finds nothing.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(HIREHALL_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(NOT HIREHALL_SANITIZE STREQUAL "")
  message(FATAL_ERROR "HIREHALL_SANITIZE is '${HIREHALL_SANITIZE}'; it takes: address, thread, or nothing")
endif()

if(HIREHALL_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "HIREHALL_FUZZ needs clang: use the preset 'fuzz'")
  endif()
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

if(HIREHALL_COVERAGE)
  # Without LLVM_PROFILE_FILE nobody wants the counts.
  add_compile_options(-fprofile-instr-generate=/dev/null -fcoverage-mapping)
  add_link_options(-fprofile-instr-generate=/dev/null)
endif()

if(HIREHALL_MUTANTS)
  add_compile_definitions(HIREHALL_MUTANTS=1)
endif()

# Warnings are errors in our code and nobody else's: rooms and tests link this, libraries come in as system headers.
add_library(hirehall_warnings INTERFACE)
target_compile_options(hirehall_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # gcc 12 reports these inside inlined std::string and std::vector code with no fault of ours (gcc bugs 105329, 105651);
  # with sanitizers the false reports multiply.
  target_compile_options(hirehall_warnings INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
  if(HIREHALL_SANITIZE)
    target_compile_options(hirehall_warnings INTERFACE -Wno-maybe-uninitialized -Wno-stringop-overflow
                                                       -Wno-array-bounds)
  endif()
endif()
if(HIREHALL_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # gcc's TSan does not see std::atomic_thread_fence; the libraries use it, our code should not rely on it.
  target_compile_options(hirehall_warnings INTERFACE -Wno-tsan)
endif()

find_program(HIREHALL_LLD NAMES ld.lld ld.lld-14)
if(HIREHALL_LLD)
  if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    add_link_options(-fuse-ld=lld)
  endif()
endif()

find_program(HIREHALL_CCACHE ccache)
if(HIREHALL_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # The base directory makes entries of one clone serve another one.
  set(_ccache env "CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}" CCACHE_NOHASHDIR=1 "${HIREHALL_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER ${_ccache})
  set(CMAKE_C_COMPILER_LAUNCHER ${_ccache})
endif()
