# hirehall_test(NAME LABEL unit|contract|simulation|integration|fault|fuzz|bench SOURCES file... [LIBS lib...]
#   [TIMEOUT seconds] [TREES asan tsan])
# One GoogleTest program; ctest sees each case as NAME/Suite.Case. In the release tree the same program of the sanitizer
# trees is one test each: asan/NAME and tsan/NAME. TREES names fewer of them (say why beside the call).
function(hirehall_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;LIBS;TREES" ${ARGN})
  if(NOT ARG_TREES)
    set(ARG_TREES asan tsan)
  endif()
  if(NOT ARG_LABEL MATCHES "^(unit|contract|simulation|integration|fault|fuzz|bench)$")
    message(FATAL_ERROR "hirehall_test(${name}): LABEL '${ARG_LABEL}' is none of ours")
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT ${HIREHALL_TEST_TIMEOUT})
  endif()
  if(HIREHALL_SANITIZE)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 5")
  endif()
  add_executable(${name} ${ARG_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${HIREHALL_SUITE_DIR}")
  target_include_directories(${name} PRIVATE "${CMAKE_SOURCE_DIR}")
  target_compile_definitions(${name} PRIVATE HIREHALL_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             HIREHALL_BUILD_DIR="${CMAKE_BINARY_DIR}")
  target_link_libraries(${name} PRIVATE hirehall_warnings)
  foreach(library IN LISTS ARG_LIBS)
    # Rooms appear one by one; a library that is named and missing shows as a failing include, with its name.
    if(TARGET ${library} OR NOT library MATCHES "^hirehall_")
      target_link_libraries(${name} PRIVATE ${library})
    endif()
  endforeach()
  if(TARGET hirehall_test_support)
    target_link_libraries(${name} PRIVATE hirehall_test_support)
  endif()
  target_link_libraries(${name} PRIVATE GTest::gmock GTest::gtest GTest::gtest_main)
  gtest_discover_tests(
    ${name}
    TEST_PREFIX "${name}/"
    DISCOVERY_MODE PRE_TEST
    DISCOVERY_TIMEOUT 60
    WORKING_DIRECTORY "${CMAKE_BINARY_DIR}"
    PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
  if(HIREHALL_SANITIZER_TESTS)
    foreach(tree IN LISTS ARG_TREES)
      add_test(NAME ${tree}/${name} COMMAND "${CMAKE_SOURCE_DIR}/tests/sanitizers/run.sh" ${tree}
                                            "${HIREHALL_TREES}/${tree}/suites/${name}" --gtest_brief=1)
      set_tests_properties(${tree}/${name} PROPERTIES LABELS "${ARG_LABEL};${tree}" TIMEOUT 900 SKIP_RETURN_CODE 77
                                                      WORKING_DIRECTORY "${CMAKE_BINARY_DIR}")
    endforeach()
  endif()
endfunction()

# hirehall_python_tests(LABEL label)  registers each test_*.py of the current folder as LABEL/NAME. Exit code 77 is a skip.
# A file may say more in its first 20 lines:   # ctest: timeout=120 serial asan tsan processors=2
#   timeout=N     seconds (default 60)
#   serial        nothing else runs beside it
#   processors=N  weight under -j
#   asan, tsan    run it again against the programs of that tree (as asan/LABEL/NAME)
function(hirehall_python_tests label)
  file(GLOB scripts CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/test_*.py")
  foreach(script IN LISTS scripts)
    cmake_path(GET script STEM stem)
    string(REGEX REPLACE "^test_" "" name "${stem}")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${script}") # the line is read at configure time
    file(STRINGS "${script}" marks LIMIT_INPUT 4096 REGEX "^# ctest: ")
    string(REPLACE "# ctest: " "" marks "${marks}")
    separate_arguments(words UNIX_COMMAND "${marks}")
    set(timeout ${HIREHALL_TEST_TIMEOUT})
    set(serial FALSE)
    set(processors 1)
    set(trees "")
    foreach(word IN LISTS words)
      if(word MATCHES "^timeout=([0-9]+)$")
        set(timeout ${CMAKE_MATCH_1})
      elseif(word MATCHES "^processors=([0-9]+)$")
        set(processors ${CMAKE_MATCH_1})
      elseif(word STREQUAL "serial")
        set(serial TRUE)
      elseif(word MATCHES "^(asan|tsan)$")
        list(APPEND trees ${word})
      else()
        message(FATAL_ERROR "${script}: '# ctest: ${word}' is unknown (timeout=N serial processors=N asan tsan)")
      endif()
    endforeach()
    hirehall_python_environment(environment "${CMAKE_BINARY_DIR}")
    add_test(NAME ${label}/${name} COMMAND "${HIREHALL_PYTHON}" "${script}")
    set_tests_properties(
      ${label}/${name}
      PROPERTIES LABELS ${label} TIMEOUT ${timeout} RUN_SERIAL ${serial} PROCESSORS ${processors} SKIP_RETURN_CODE 77
                 ENVIRONMENT "${environment}" WORKING_DIRECTORY "${CMAKE_BINARY_DIR}")
    if(HIREHALL_SANITIZER_TESTS)
      foreach(tree IN LISTS trees)
        hirehall_python_environment(environment "${HIREHALL_TREES}/${tree}")
        math(EXPR longer "${timeout} * 5")
        add_test(NAME ${tree}/${label}/${name} COMMAND "${CMAKE_SOURCE_DIR}/tests/sanitizers/run.sh" ${tree}
                                                       "${HIREHALL_PYTHON}" "${script}")
        set_tests_properties(
          ${tree}/${label}/${name}
          PROPERTIES LABELS "${label};${tree}" TIMEOUT ${longer} RUN_SERIAL ${serial} PROCESSORS ${processors}
                     SKIP_RETURN_CODE 77 ENVIRONMENT "${environment};HIREHALL_SLOWDOWN=5"
                     WORKING_DIRECTORY "${CMAKE_BINARY_DIR}")
      endforeach()
    endif()
  endforeach()
endfunction()

# What a test in Python finds in its environment.
function(hirehall_python_environment out build)
  set(${out}
      "HIREHALL_BIN=${build}/bin"
      "HIREHALL_BUILD=${build}"
      "HIREHALL_PLUGINS=${build}/lib/hirehall/agents"
      "HIREHALL_SOURCE=${CMAKE_SOURCE_DIR}"
      "PYTHONPATH=${CMAKE_SOURCE_DIR}/tests"
      "PYTHONDONTWRITEBYTECODE=1"
      "PYTHONUNBUFFERED=1"
      PARENT_SCOPE)
endfunction()
