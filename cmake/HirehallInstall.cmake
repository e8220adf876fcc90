# What lies outside the rooms: headers, package files, configuration, units, documents.
# Programs, plugins and the client library are installed by their rooms.
include(CMakePackageConfigHelpers)

install(DIRECTORY client/include/hirehall DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" OPTIONAL FILES_MATCHING PATTERN "*.h")
install(DIRECTORY worker/include/hirehall DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" OPTIONAL FILES_MATCHING PATTERN "*.h")

if(HIREHALL_CLIENT_EXPORTED)
  install(
    EXPORT hirehallTargets
    NAMESPACE hirehall::
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/hirehall")
  configure_package_config_file(cmake/hirehallConfig.cmake.in "${CMAKE_BINARY_DIR}/hirehallConfig.cmake"
                                INSTALL_DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/hirehall")
  write_basic_package_version_file(
    "${CMAKE_BINARY_DIR}/hirehallConfigVersion.cmake"
    VERSION ${PROJECT_VERSION}
    COMPATIBILITY SameMinorVersion)
  install(FILES "${CMAKE_BINARY_DIR}/hirehallConfig.cmake" "${CMAKE_BINARY_DIR}/hirehallConfigVersion.cmake"
          DESTINATION "${CMAKE_INSTALL_LIBDIR}/cmake/hirehall")
endif()

install(DIRECTORY configs/ DESTINATION "${CMAKE_INSTALL_DATADIR}/hirehall/configs" OPTIONAL)
install(DIRECTORY systemd/ DESTINATION "lib/systemd/system" OPTIONAL FILES_MATCHING PATTERN "*.service")
install(FILES systemd/hirehall.sysusers DESTINATION "lib/sysusers.d" RENAME hirehall.conf)
install(FILES systemd/hirehall.tmpfiles DESTINATION "lib/tmpfiles.d" RENAME hirehall.conf)
install(DIRECTORY docs/ DESTINATION "${CMAKE_INSTALL_DOCDIR}" OPTIONAL FILES_MATCHING PATTERN "*.md")
install(FILES LICENSE CHANGELOG.md DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(FILES README.md DESTINATION "${CMAKE_INSTALL_DOCDIR}" OPTIONAL)
