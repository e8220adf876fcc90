# The libraries of Debian 12 as targets. Which room may link which is decided in the room's CMakeLists.txt.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED) # its target carries SPDLOG_COMPILED_LIB and SPDLOG_FMT_EXTERNAL
find_package(nlohmann_json REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(tl-expected REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
find_package(Eigen3 CONFIG) # learning, in the scheduler

# pkg-config rather than the CMake packages of these: those pull in the development files of every compression library.
pkg_check_modules(zmq REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(rocksdb REQUIRED IMPORTED_TARGET rocksdb)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(systemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(prometheus REQUIRED IMPORTED_TARGET prometheus-cpp-core)
pkg_check_modules(curl REQUIRED IMPORTED_TARGET libcurl)

# One spelling for all.
add_library(hirehall::zmq ALIAS PkgConfig::zmq) # cppzmq is the header beside it
add_library(hirehall::rocksdb ALIAS PkgConfig::rocksdb)
add_library(hirehall::sodium ALIAS PkgConfig::sodium)
add_library(hirehall::systemd ALIAS PkgConfig::systemd)
add_library(hirehall::prometheus ALIAS PkgConfig::prometheus)
add_library(hirehall::curl ALIAS PkgConfig::curl)
add_library(hirehall::expected ALIAS tl::expected)
add_library(hirehall::yaml ALIAS yaml-cpp)

# civetweb's own package looks for OpenSSL and Lua; we serve plain HTTP on loopback and need the library only.
find_library(HIREHALL_CIVETWEB_LIBRARY civetweb REQUIRED)
find_path(HIREHALL_CIVETWEB_INCLUDE civetweb.h REQUIRED)
if(NOT TARGET hirehall::civetweb)
  add_library(hirehall::civetweb UNKNOWN IMPORTED)
  set_target_properties(
    hirehall::civetweb PROPERTIES IMPORTED_LOCATION "${HIREHALL_CIVETWEB_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES
                                                                                   "${HIREHALL_CIVETWEB_INCLUDE}")
endif()
